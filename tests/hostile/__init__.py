"""Hostile tests: attack a real server as the worst client, link, user or MCP server would, while another user talks beside."""
