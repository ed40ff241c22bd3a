"""MCP schemas: a tool's JSON Schema as models get it, the check of arguments, and defaults of required arguments."""
