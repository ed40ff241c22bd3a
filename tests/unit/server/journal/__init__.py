"""Journal tests: SQLite's own; what holds for every journal is in tests/contract."""
