"""The way to a server over streamable HTTP: its headers, the owner's token, and bounds on what it may answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from agent.tools.mcp.errors import McpServerError
from agent.tools.mcp.settings import McpLimits, McpServer

LEAVE_S = 1.0
"""How long the goodbye to a server may take, which is sent when its connection is closed."""


def request_headers(entry: McpServer, token: str | None) -> dict[str, str]:
    """The headers of every request. The owner's token takes the place of an `Authorization` of the entry's own."""
    headers = {"accept-encoding": "identity", **{name.lower(): value for name, value in entry.headers.items()}}
    if entry.owner_token and token:
        headers["authorization"] = f"Bearer {token}"
    return headers


@asynccontextmanager
async def http_transport(
    entry: McpServer,
    token: str | None,
    limits: McpLimits,
    lost: Callable[[str], None],
    suspect: Callable[[], None],
) -> AsyncIterator[tuple[Any, Any]]:
    """The connection, as the MCP client wants it. Calls have timeouts of their own, so reading has none.

    `lost` hears why it breaks off, before the client does; `suspect`, that something ended which need not have.
    """
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    most = limits.message_bytes_max

    async def before(request: httpx2.Request) -> None:
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), LEAVE_S)

    async def after(response: httpx2.Response) -> None:
        if response.request.method == "POST" and response.status_code in (401, 403):
            raise broken(f"it answers {response.status_code}: see its credentials in the config's headers")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise broken("it compresses its answers unasked")
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if not is_stream or response.request.method == "GET":
            response.stream = Watched(response.stream, most=None if is_stream else most)

    def broken(why: str) -> McpServerError:
        lost(why)
        return McpServerError(why)

    class Watched(httpx2.AsyncByteStream):
        """An answer's bytes, up to a bound; or without one those of the stream that a server speaks on by itself."""

        def __init__(self, stream: Any, *, most: int | None) -> None:
            self._stream = stream
            self._most = most

        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = 0
            try:
                async for chunk in self._stream:
                    total += len(chunk)
                    if self._most is not None and total > self._most:
                        raise broken(f"it sent a message of more than {self._most} bytes")
                    yield chunk
            finally:
                if self._most is None:
                    suspect()

        async def aclose(self) -> None:
            await self._stream.aclose()

    timeout = httpx2.Timeout(entry.start_timeout_s, read=None)
    hooks: dict[str, list[Any]] = {"request": [before], "response": [after]}
    async with (
        httpx2.AsyncClient(headers=request_headers(entry, token), timeout=timeout, event_hooks=hooks) as client,
        streamable_http_client(entry.url, http_client=client, max_sse_event_size=most) as streams,
    ):
        yield streams
