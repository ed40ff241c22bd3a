"""MCP errors: why a server is not available, in texts that are shown to users and have no path, address or secret."""

from collections.abc import Iterator

from agent.tools.mcp.incoming.messages import OVER_BOUND

CONNECTION_CLOSED = -32000
"""The `code` of the library's MCPError when the connection was closed."""


class McpServerError(Exception):
    """The connection to a server failed. The message is for users."""


def reason(error: BaseException) -> str:
    """The reason for a failed connection, for users. The library's own message goes only to the log."""
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, McpServerError):
            return str(leaf)
    names = {type(leaf).__name__ for leaf in leaves}
    if names & {"ConnectError", "ConnectTimeout", "ConnectionRefusedError"}:
        return "it cannot be reached"
    if any(isinstance(leaf, TimeoutError) for leaf in leaves) or names & {"ReadTimeout", "WriteTimeout", "PoolTimeout"}:
        return "it did not answer in time"
    closed = any(getattr(leaf, "code", None) == CONNECTION_CLOSED for leaf in leaves)
    if closed or names & {"ReadError", "WriteError", "RemoteProtocolError", "CloseError"}:
        return "the connection was lost"
    if any(getattr(leaf, "code", None) == OVER_BOUND for leaf in leaves):
        return "it sent an answer that is too large"
    if "MCPError" in names:
        return "it refused the connection, or is not an MCP server"
    return f"the connection failed ({', '.join(sorted(names))})"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
