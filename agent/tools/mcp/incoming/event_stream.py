"""MCP event stream: bounds each message in a response of server-sent events, before the library reads it. Imports httpx2: load it late.

The format is that of the HTML standard, section 9.2 "Server-sent events"; lines end with LF or CRLF.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx2

from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.messages import NotAMessage
from agent.tools.mcp.incoming.pace import Lines, TooLong
from agent.tools.mcp.incoming.reading import MessageReader

FIELDS_BYTES_MAX: Final = 8_192
"""The fields of an event beside its data, such as its id."""

PIECE_COST: Final = 0.1
LINE_COST: Final = 0.01
"""What a piece of a body and a line count in `Pace`: a piece, of which a server may make many, takes 20 us, a line 1 us."""


class EventStream(httpx2.AsyncByteStream):
    """The events of a response, each with a bounded message. `on_end`: called when the stream ends.

    An event whose data is no message is left out. `error`: reports why the connection cannot go on, and makes the error.
    """

    def __init__(
        self,
        stream: Any,
        reader: MessageReader,
        message_bytes_max: int,
        error: Callable[[str], McpServerError],
        on_end: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._reader = reader
        self._bytes_max = message_bytes_max
        self._error = error
        self._on_end = on_end
        self._data: list[bytes] = []
        self._data_size = 0
        self._fields: list[bytes] = []
        self._fields_size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lines = Lines(self._bytes_max)
        try:
            async for piece in self._stream:
                complete = lines.feed(piece)
                await self._reader.pace.wait(PIECE_COST + LINE_COST * len(complete), 0)
                await asyncio.sleep(0)  # pieces that have arrived already come without a pause
                for line in complete:
                    if self._take(line.removesuffix(b"\r")) and (event := await self._event()):
                        yield event
        except TooLong:
            raise self._error(f"it sent a message of more than {self._bytes_max} bytes") from None
        except McpServerError as error:
            raise self._error(str(error)) from error
        finally:
            self._on_end()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _take(self, line: bytes) -> bool:
        """Take a line; whether it ends an event. Raises TooLong."""
        if not line:
            return True
        if line.startswith(b"data:"):
            self._data.append(line[5:])
            self._data_size += len(line)
            if self._data_size > self._bytes_max:
                raise TooLong
        elif not line.startswith(b":") and self._fields_size + len(line) <= FIELDS_BYTES_MAX:
            self._fields.append(line)
            self._fields_size += len(line)
        return False

    async def _event(self) -> bytes:
        """The event that ends here, as bytes; empty for one that is left out."""
        data, fields = b"\n".join(self._data), self._fields
        self._data, self._data_size, self._fields, self._fields_size = [], 0, [], 0
        if data.strip():
            try:
                bounded = await self._reader.read(data)
            except NotAMessage:
                return b""
            if bounded is None:
                return b""
            fields = [*fields, b"data: " + bounded]
        elif not fields:
            return b""
        return b"\n".join(fields) + b"\n\n"
