"""HTTP checks: bounds and checks on each request to an MCP server and each response of it. Imports httpx2: load it late."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Final

import httpx2
import msgspec

from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.event_stream import PIECE_COST, EventStream
from agent.tools.mcp.incoming.messages import NotAMessage
from agent.tools.mcp.incoming.reading import MessageReader
from agent.workspace.paths import shown

DELETE_TIMEOUT_S = 1.0
"""How long the request may take that ends the MCP session when the connection is closed."""


QUOTE_BYTES_MAX: Final = 4_096
QUOTE_CHARS_MAX: Final = 200
QUOTE_TIMEOUT_S: Final = 2.0
"""Of the body of a refusal: what is read of it, how long that may take, and what is shown."""

SECRET_CHARS_MIN: Final = 6
"""A shorter value of a header is no secret."""


class HttpChecks:
    """Event hooks of the HTTP client. `on_lost`: gets the reason before the client sees the error.

    `on_stream_end`: called when the server's own event stream ends, which it does not do by itself. `secrets`: the values
    of the request's headers, which are never quoted.
    """

    def __init__(
        self,
        message_bytes_max: int,
        on_lost: Callable[[str], None],
        on_stream_end: Callable[[], None],
        secrets: Collection[str] = (),
    ) -> None:
        self._message_bytes_max = message_bytes_max
        self._secrets = secrets
        self._on_lost = on_lost
        self._on_stream_end = on_stream_end
        self._reader = MessageReader()

    async def on_request(self, request: httpx2.Request) -> None:
        """Bound the time of the last request; the other requests have the client's timeout."""
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), DELETE_TIMEOUT_S)

    async def on_response(self, response: httpx2.Response) -> None:
        """Refuse a response that cannot be used, and bound the body of the others. Raises McpServerError."""
        if response.request.method == "POST" and response.status_code in (401, 403):
            raise self.error(await self._refusal(response))
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.error("it compresses its answers, which was not requested")
        kind = response.headers.get("content-type", "").lower()
        if kind.startswith("text/event-stream"):
            on_end = self._on_stream_end if response.request.method == "GET" else _nothing
            response.stream = EventStream(response.stream, self._reader, self._message_bytes_max, self.error, on_end)
        else:
            reader = self._reader if kind.startswith("application/json") else None
            response.stream = _Body(response.stream, self._message_bytes_max, reader, self.error)

    async def _refusal(self, response: httpx2.Response) -> str:
        """Why the server lets nobody in: for 403 in its own words, since that may be about much else than credentials."""
        if response.status_code == 401:
            return "it answers 401: check the credentials in the config's headers"
        quoted = quote(await _beginning(response), self._secrets)
        if not quoted:
            return "it answers 403: check the credentials in the config's headers, and the host in its url"
        return f"it answers 403: {quoted}"

    def error(self, reason: str) -> McpServerError:
        """Report the reason, and make the error to raise."""
        self._on_lost(reason)
        return McpServerError(reason)


class _Body(httpx2.AsyncByteStream):
    """A response's bytes, at most `bytes_max`. With a `reader` they are one message, which it bounds."""

    def __init__(
        self, stream: Any, bytes_max: int, reader: MessageReader | None, error: Callable[[str], McpServerError]
    ) -> None:
        self._stream = stream
        self._bytes_max = bytes_max
        self._reader = reader
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        total = 0
        async for piece in self._stream:
            total += len(piece)
            if total > self._bytes_max:
                raise self._error(f"it sent a message of more than {self._bytes_max} bytes")
            if self._reader is None:
                yield piece
            else:
                await self._reader.pace.wait(PIECE_COST, 0)
                await asyncio.sleep(0)  # pieces that have arrived already come without a pause
                pieces.append(piece)
        if self._reader is not None and total:
            try:
                yield await self._reader.read(b"".join(pieces)) or b""
            except NotAMessage:
                return
            except McpServerError as error:
                raise self._error(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _beginning(response: httpx2.Response) -> bytes:
    """The first bytes of the body; empty if they do not come in time."""
    read = b""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(QUOTE_TIMEOUT_S):
            async for piece in response.stream:  # type: ignore[union-attr]  # it is one of an asynchronous client
                read += piece
                if len(read) > QUOTE_BYTES_MAX:
                    break
    return read[:QUOTE_BYTES_MAX]


def quote(body: bytes, secrets: Collection[str]) -> str:
    """The server's words as one short line: the message of a JSON-RPC error, or plain text. Empty for other forms, and for
    words that hold a secret."""
    words: Any = body.decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        words = msgspec.json.decode(body)
        error = words.get("error") if isinstance(words, dict) else None
        words = error.get("message") if isinstance(error, dict) else error
    if not isinstance(words, str) or words.lstrip().startswith("<"):
        return ""
    if any(part in words for secret in secrets for part in (secret, *secret.split()) if len(part) >= SECRET_CHARS_MIN):
        return ""
    return shown(words.strip(), QUOTE_CHARS_MAX) if words.strip() else ""


def _nothing() -> None:
    """Nothing depends on the end of a stream that answers one request: the library sees it."""
