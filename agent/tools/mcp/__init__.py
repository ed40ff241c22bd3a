"""MCP: offers the tools of MCP servers (Model Context Protocol) to sessions. The `mcp` library is loaded with the first server.

Entry: the settings of one server, from `mcpServers` in the config.
Connection: the task that connects to one server, checks it, and connects again after a failure.
Shared: one connection serves all sessions; otherwise each session has its own.
Owner token: the Hugging Face token of the session's owner, given to a server only if its entry says so.
Listed tool: a tool as the server lists it.
"""

from agent.tools.mcp.connection import McpStatus
from agent.tools.mcp.servers import McpServers, SessionServers, try_server
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.mcp.stdio import program

__all__ = ["McpLimits", "McpServer", "McpServers", "McpStatus", "SessionServers", "program", "try_server"]
