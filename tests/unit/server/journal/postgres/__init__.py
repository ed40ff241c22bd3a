"""PostgreSQL journal tests: its own; what holds for every journal is in tests/contract."""
