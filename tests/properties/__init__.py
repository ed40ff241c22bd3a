"""Properties that hold for any run."""
