"""The MCP client against real servers, over stdio and HTTP."""
