"""Client packages: built as they are published, and installed into empty folders and environments."""
