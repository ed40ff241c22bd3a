"""Schemas of MCP tools: tests of how they are written for models, and of the check of arguments."""
