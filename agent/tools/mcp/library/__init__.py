"""What MCP servers offer to users: prompts, and resources (https://modelcontextprotocol.io/specification/2025-11-25/server).

Library: what one server offers. It is asked for when somebody looks at it, not before.
Prompt: a text that the server makes of some arguments. Resource: something that the server can read, by its URI.
"""
