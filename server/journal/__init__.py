"""The journal: where events are stored before anyone sees them. `base` is the seam; the rest is SQLite's."""
