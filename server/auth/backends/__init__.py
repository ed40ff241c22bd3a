"""Authentication backends: one for each mode (`auth.mode`)."""
