"""What MCP servers offer to users: tests of the lists, and of the texts of prompts and resources."""
