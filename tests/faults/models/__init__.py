"""Real models: tests of faults with servers that have real weights."""
