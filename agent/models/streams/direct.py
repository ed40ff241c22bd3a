"""Direct stream: reads server-sent events, or lines, from the HTTP response, at a tenth of the cost of LiteLLM's wrapper or less.

LiteLLM makes the request (address, credentials, parameters) and opens the response; only the reading is ours. Used only
where the body is known to be of events that a decoder of ours reads, see `readers`.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import cast

import httpx
from aiohttp import StreamReader

from agent.models.error_mapping import ErrorMapper
from agent.models.errors import ModelError, model_error
from agent.models.guarded_transport import EventStreamResponse
from agent.models.provider_errors.words import read_words
from agent.models.streams.decoding import ErrorChunk, LastChunk, lines_of_events
from agent.models.streams.pushed import push
from agent.models.streams.readers import Body
from agent.models.streams.wrapped import Wrapper
from agent.models.types import StreamChunk, TakeChunks

_BYTES_A_CHAR = 12
"""Bytes of JSON for one code point at most: two escaped surrogates."""
_ENVELOPE_BYTES = 64 * 1024
_FEW_BYTES = 1024
"""Events of so few bytes are not worth a second attempt to decode them together."""
_HEAD_BYTES = 64 * 1024
"""How much of a body without events is read: an error, or an answer that is no stream."""
_BOM = b"\xef\xbb\xbf"
_END_S = 0.25
"""Seconds to wait for the end of the body after the last event, so that the connection can be used again."""


class DirectStream:
    """Server-sent events (WHATWG HTML, 9.2.6), or lines, decoded as their provider's."""

    def __init__(self, body: Body, wrapper: Wrapper, errors: ErrorMapper, model: str, max_output_chars: int) -> None:
        self._response = body.response
        self._decode = body.decode
        self._decode_texts = body.decode_texts
        self._lines = body.lines
        self._wrapper = wrapper
        self._errors = errors
        self._model = model
        self._max_line = max_output_chars * _BYTES_A_CHAR + _ENVELOPE_BYTES
        self._blocks = cast("AsyncGenerator[bytes]", body.response.aiter_bytes())
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._data: bytes | None = None
        self._event = b""
        self._head = b""
        self._begun = False
        self._events = 0
        self._done = self._ended = False
        self._failure: ModelError | None = None
        self._take: TakeChunks | None = None
        self._left: list[StreamChunk] | None = None
        self._fault: Exception | None = None

    async def read(self, take: TakeChunks | None = None) -> Sequence[StreamChunk] | None:
        """The chunks of one network read, together; none if it completed no event."""
        if self._failure is None and not self._done:
            if take is not None and (reader := self._reader) is not None:
                self._take = take
                await push(reader, self._take_block)
                if self._fault is not None:
                    raise self._fault
                if self._left is not None:
                    left, self._left = self._left, None
                    return left
            try:
                block = await anext(self._blocks)
            except StopAsyncIteration:
                return self._end_of_body()
            except Exception as error:
                raise self._errors.from_reading(error) from error
            return self._feed(block)
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return None
        self._ended = True
        return (StreamChunk(done=await self._finish()),)

    async def aclose(self) -> None:
        """LiteLLM's wrapper does not close every provider's response."""
        try:
            await self._blocks.aclose()
        finally:
            try:
                await self._response.aclose()
            finally:
                await self._wrapper.aclose()

    @property
    def _reader(self) -> StreamReader | None:
        """Where the blocks come from, if nothing stands between it and this stream."""
        return self._response.reader if isinstance(self._response, EventStreamResponse) else None

    def _take_block(self, block: bytes) -> bool:
        """Pass on what a block completes, if more is to come and it is taken at once. Else it is left for `read`."""
        assert self._take is not None
        try:
            chunks = self._feed(block)
            if not self._done and self._failure is None and self._take(chunks):
                return True
            self._left = chunks
        except Exception as error:  # noqa: BLE001  # the caller is aiohttp, and `read` raises it
            self._fault = error
        return False

    def _feed(self, block: bytes) -> list[StreamChunk]:
        """The chunks of the events that this block completes. An error is kept until they have been returned."""
        chunks: list[StreamChunk] = []
        at_event = self._data is None and not self._event and not self._lines
        if (
            at_event
            and self._events
            and not self._line_bytes
            and block.startswith(b"data:")
            and block.find(b"\n") == len(block) - 2 < self._max_line
            and block.endswith(b"\n\n")
        ):  # one event, as at the pace of real models
            self._dispatch(block[5:-2].strip(), chunks)
            return chunks
        if not self._events and len(self._head) < _HEAD_BYTES:
            self._head += block
        if b"\r\n" in block:  # as many servers in Python end their lines
            block = block.replace(b"\r\n", b"\n")
        end = block.rfind(b"\n\n") + 2
        if at_event and 1 < end <= self._max_line - self._line_bytes:
            whole = block[:end]
            if self._line_bytes:
                whole = b"".join([*self._line, whole])
                self._line, self._line_bytes = [], 0
            self._feed_events(whole, chunks)
            block = block[end:]
        if block and not self._done and self._failure is None:
            self._feed_lines(block, chunks)
        return chunks

    def _feed_events(self, block: bytes, chunks: list[StreamChunk]) -> None:
        """Whole events. Those of text alone are decoded together, as many as can be; others one by one."""
        if block.find(b"\n") == len(block) - 2 and block.startswith(b"data:"):
            self._begun = True
            self._dispatch(block[5:-2].strip(), chunks)
        elif self._decode_texts is None:
            self._feed_lines(block, chunks)
        elif (lines := lines_of_events(block)) is not None and (text := self._decode_texts(*lines)) is not None:
            self._begun = True
            self._events += 1
            chunks.append(text)
        elif len(block) > _FEW_BYTES and (half := block.find(b"\n\n", len(block) // 2) + 2) < len(block):
            self._feed_events(block[:half], chunks)
            if not self._done and self._failure is None:
                self._feed_events(block[half:], chunks)
        else:
            self._feed_lines(block, chunks)

    def _feed_lines(self, block: bytes, chunks: list[StreamChunk]) -> None:
        """A part of the body, line by line."""
        first, *rest = block.split(b"\n")
        self._line.append(first)
        self._line_bytes += len(first)
        if self._line_bytes > self._max_line:
            self._failure = model_error(
                "model_output_too_large", self._model, because="one line of its stream is too long", retryable=False
            )
        elif rest:
            *whole, tail = [b"".join(self._line), *rest]
            self._line, self._line_bytes = [tail], len(tail)
            if not self._begun:  # a byte order mark may stand before the stream (WHATWG HTML, 9.2.5)
                self._begun = True
                whole[0] = whole[0].removeprefix(_BOM)
            for line in whole:
                self._parse(line, chunks)
                if self._done or self._failure is not None:
                    break

    def _parse(self, line: bytes, chunks: list[StreamChunk]) -> None:
        line = line.removesuffix(b"\r")
        if self._lines:
            self._dispatch(line.strip(), chunks)
        elif line.startswith(b"data:"):
            data = line[5:]
            self._data = data if self._data is None else self._data + b"\n" + data
        elif not line:
            if self._data is not None:
                self._dispatch(self._data.strip(), chunks)
                self._data = None
            self._event = b""
        elif line.startswith(b"event:"):
            self._event = line[6:].strip()

    def _dispatch(self, data: bytes, chunks: list[StreamChunk]) -> None:
        if data == b"[DONE]":
            self._done = True
        elif data:
            self._events += 1
            try:
                if self._event == b"error":
                    raise ErrorChunk(read_words(data))
                chunk = self._decode(data)
                if chunk is not None:
                    chunks.append(chunk)
                    self._done = type(chunk) is LastChunk
            except ErrorChunk as error:
                self._failure = self._errors.from_error_event(error.words)
            except (ValueError, RecursionError):
                self._failure = self._errors.malformed()

    def _end_of_body(self) -> Sequence[StreamChunk] | None:
        """The chunks at the end of the body: some servers omit the empty line after the last event."""
        chunks: list[StreamChunk] = []
        for line in (b"".join(self._line), b""):
            self._parse(line, chunks)
        if self._done:
            chunks.append(StreamChunk(done=True))
        self._line, self._done, self._ended = [], True, True
        if self._failure is None and not self._events:
            self._read_as_one(chunks)
        if self._failure is not None and not chunks:
            raise self._failure
        return chunks or None

    def _read_as_one(self, chunks: list[StreamChunk]) -> None:
        """The body held no events: it is one JSON object, an error or a whole answer, or no answer at all."""
        kind = self._response.headers.get("content-type", "")
        body = self._head.removeprefix(_BOM).strip()
        if body.startswith((b"{", b"[")):
            self._event = b"error" if body.startswith(b"[") else b""
            self._dispatch(body, chunks)
            if self._failure is None and not (chunks and (chunks[0].text or chunks[0].fragments)):
                self._failure = self._errors.not_a_stream(kind)
        elif not kind.startswith("text/event-stream"):
            self._failure = self._errors.not_a_stream(kind)

    async def _finish(self) -> bool:
        """Read to the end of the body: only then can the connection be used again. False if the body was cut."""
        try:
            async with asyncio.timeout(_END_S):
                async for _ in self._blocks:
                    pass
        except TimeoutError:
            return True
        except (httpx.HTTPError, httpx.StreamError):
            return False
        return True
