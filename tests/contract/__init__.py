"""Contract tests: the same tests for every implementation of an interface."""
