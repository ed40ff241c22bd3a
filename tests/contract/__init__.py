"""One body of tests for every backend."""
