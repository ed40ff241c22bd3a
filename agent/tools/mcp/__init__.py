"""MCP: offers the tools of MCP servers (Model Context Protocol) to sessions. The `mcp` library is loaded with the first server.

Entry: the settings of one server, from `mcpServers` in the config.
Connection: the task that connects to one server, checks it, and connects again after a failure.
Shared: one connection serves all sessions; otherwise each session has its own.
Owner token: the Hugging Face token of the session's owner, given to a server only if its entry says so.
Listed tool: a tool as the server lists it.

Worth knowing. When an HTTP server breaks off, the library cancels the task that entered its client. Therefore one task for each
server enters and leaves the client, and a call is a task of the connection that its caller waits for: neither a session nor an
interrupt ever waits for the library. The library's stdio transport has no bound on a line and does not end when Holdfast is
killed; ours does. Importing `mcp` takes half a second: it is done in a thread, and only where a server is configured. A server's
tools are listed anew for each model call and each check; the names that a session gave them stay while the server is away.
"""

from agent.tools.mcp.calls import CallFailed
from agent.tools.mcp.connection import McpStatus
from agent.tools.mcp.library import ServerLibrary
from agent.tools.mcp.offering import FIND_TOOLS
from agent.tools.mcp.resource_tool import READ_RESOURCE
from agent.tools.mcp.servers import McpServers, SessionServers, try_server
from agent.tools.mcp.session_library import NotOffered, SessionLibrary
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.mcp.stdio import program

__all__ = [
    "FIND_TOOLS",
    "READ_RESOURCE",
    "CallFailed",
    "McpLimits",
    "McpServer",
    "McpServers",
    "McpStatus",
    "NotOffered",
    "ServerLibrary",
    "SessionLibrary",
    "SessionServers",
    "program",
    "try_server",
]
