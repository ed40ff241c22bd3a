"""What MCP servers send: read at a bounded pace, and each message bounded before the library decodes it."""
