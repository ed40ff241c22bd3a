"""What MCP servers send: tests of its bounds and its pace."""
