"""Unit tests: the tools."""
