"""The SQLite journal's own tests; what every journal promises is in tests/contract."""
