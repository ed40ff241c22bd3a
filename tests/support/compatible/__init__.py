"""Compatible clients for tests: those that others wrote, for the protocols of others."""
