"""Properties: what holds for any run."""
