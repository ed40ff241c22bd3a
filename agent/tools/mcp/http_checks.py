"""HTTP checks: bounds and checks on each request to an MCP server and each response of it. Imports httpx2: load it late."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from agent.tools.mcp.errors import McpServerError

DELETE_TIMEOUT_S = 1.0
"""How long the request may take that ends the MCP session when the connection is closed."""


class HttpChecks:
    """Event hooks of the HTTP client. `on_lost`: gets the reason before the client sees the error.

    `on_stream_end`: called when the server's own event stream ends, which it does not do by itself.
    """

    def __init__(
        self, message_bytes_max: int, on_lost: Callable[[str], None], on_stream_end: Callable[[], None]
    ) -> None:
        self._message_bytes_max = message_bytes_max
        self._on_lost = on_lost
        self._on_stream_end = on_stream_end

    async def on_request(self, request: httpx2.Request) -> None:
        """Bound the time of the last request; the other requests have the client's timeout."""
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), DELETE_TIMEOUT_S)

    async def on_response(self, response: httpx2.Response) -> None:
        """Refuse a response that cannot be used, and bound the body of the others. Raises McpServerError."""
        if response.request.method == "POST" and response.status_code in (401, 403):
            raise self.error(f"it answers {response.status_code}: check the credentials in the config's headers")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.error("it compresses its answers, which was not requested")
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if is_stream and response.request.method == "GET":
            response.stream = _OwnStream(response.stream, self._on_stream_end)
        elif not is_stream:
            response.stream = _BoundedStream(response.stream, self._message_bytes_max, self.error)

    def error(self, reason: str) -> McpServerError:
        """Report the reason, and make the error to raise."""
        self._on_lost(reason)
        return McpServerError(reason)


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's bytes, at most `bytes_max`."""

    def __init__(self, stream: Any, bytes_max: int, error: Callable[[str], McpServerError]) -> None:
        self._stream = stream
        self._bytes_max = bytes_max
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        async for chunk in self._stream:
            total += len(chunk)
            if total > self._bytes_max:
                raise self._error(f"it sent a message of more than {self._bytes_max} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _OwnStream(httpx2.AsyncByteStream):
    """The bytes of the event stream on which the server sends messages of its own; its end is reported."""

    def __init__(self, stream: Any, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        finally:
            self._on_end()

    async def aclose(self) -> None:
        await self._stream.aclose()
