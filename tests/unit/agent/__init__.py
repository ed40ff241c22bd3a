"""Unit tests: the agent."""
