"""MCP servers as tools: the one importer of the `mcp` library, which is loaded when the first server is started."""

from agent.tools.mcp.connection import McpStatus
from agent.tools.mcp.servers import McpServers, SessionServers, try_server
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.mcp.stdio import program

__all__ = ["McpLimits", "McpServer", "McpServers", "McpStatus", "SessionServers", "program", "try_server"]
