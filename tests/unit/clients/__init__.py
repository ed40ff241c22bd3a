"""Unit tests: the clients."""
