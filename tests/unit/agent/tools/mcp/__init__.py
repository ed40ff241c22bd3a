"""MCP tests: the client with real servers, over stdio and HTTP."""
