"""Tests of MCP schemas."""
