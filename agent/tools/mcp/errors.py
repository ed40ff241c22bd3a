"""Why an MCP server is not there, in words of ours: they are shown to users, and name no path, address or secret."""

from collections.abc import Iterator

CONNECTION_CLOSED = -32000
"""What the library's `MCPError` has for a `code` then."""


class McpServerError(Exception):
    """The connection to a server cannot be made or cannot go on; the message says why, in words for everyone."""


def reason(error: BaseException) -> str:
    """What a failed connection is told as. What the library says of it goes to the log alone."""
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
        return "the connection broke off"
    if "MCPError" in names:
        return "it refused the connection, or does not speak MCP"
    return f"the connection failed ({', '.join(sorted(names))})"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
