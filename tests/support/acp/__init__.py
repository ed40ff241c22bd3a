"""Editors for tests: what speaks the Agent Client Protocol to `holdfast acp`, and the schemas that hold each line."""
