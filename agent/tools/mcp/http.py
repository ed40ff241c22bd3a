"""HTTP transport: connects to an MCP server over streamable HTTP, with the entry's headers and the owner's token."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from agent.tools.mcp import stdio
from agent.tools.mcp.settings import McpServer
from agent.util.names import Reach
from agent.util.tls import trusted


def request_headers(entry: McpServer, token: str | None) -> dict[str, str]:
    """The headers of every request. The owner's token replaces an `Authorization` of the entry."""
    headers = {"accept-encoding": "identity", **{name.lower(): value for name, value in entry.headers.items()}}
    if entry.owner_token and token:
        headers["authorization"] = f"Bearer {token}"
    return headers


@asynccontextmanager
async def http_transport(
    entry: McpServer,
    token: str | None,
    on_lost: Callable[[str], None],
    on_stream_end: Callable[[], None],
    reach: Reach | None = None,
) -> AsyncIterator[tuple[Any, Any]]:
    """The transport that the MCP client takes. Calls have timeouts of their own, so reading has none.

    `on_lost`: gets the reason why the connection cannot go on, before the client sees the error. `on_stream_end`: called
    when the server's own event stream ends. `reach`: where the address may lead; None: anywhere, as the operator wrote it.
    """
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    from agent.tools.mcp.http_checks import HttpChecks
    from agent.util.pinned_transport import PinnedTransport

    headers = request_headers(entry, token)
    checks = HttpChecks(stdio.MESSAGE_BYTES_MAX, on_lost, on_stream_end, list(headers.values()))
    timeout = httpx2.Timeout(entry.start_timeout_s, read=None)
    hooks: dict[str, list[Any]] = {"request": [checks.on_request], "response": [checks.on_response]}
    tls = trusted()
    pinned = None if reach is None else PinnedTransport(reach, tls, entry.start_timeout_s, checks.error)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks=hooks, verify=tls, transport=pinned) as client,
        streamable_http_client(entry.url, http_client=client, max_sse_event_size=stdio.MESSAGE_BYTES_MAX) as streams,
    ):
        yield streams
