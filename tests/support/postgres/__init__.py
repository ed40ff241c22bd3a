"""PostgreSQL for tests: its server and its databases."""
