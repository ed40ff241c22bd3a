"""Direct stream: events are the same wherever the network cuts them."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from agent.models.error_mapping import ErrorMapper
from agent.models.streams import openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.assembler import OUTPUT_CHARS_MAX
from agent.models.streams.decoding import Decode
from agent.models.streams.direct import DirectStream
from agent.models.streams.readers import Body
from agent.models.streams.responses_events import ResponsesDecoder
from agent.models.types import StreamChunk
from tests.support.models.format_events import (
    WORDS,
    anthropic,
    function,
    reasoned,
    responses,
    said,
    sent,
    text,
    tool,
)
from tests.support.models.raw_caller import STOP, chunk

ARGUMENTS = '{"path": ', '"ä\u2028"}'
CHAT = [*(chunk({"content": word}) for word in WORDS), STOP]


def whole(name: str) -> bytes:
    """A stream of this format."""
    if name == "chat":
        bodies = [*(json.dumps(body, ensure_ascii=False) for body in CHAT), "[DONE]"]
        return b"\xef\xbb\xbf: ping\r\n\r\n" + "".join(f"data: {body}\r\n\r\n" for body in bodies).encode()
    if name == "anthropic":
        return bytes(sent(*anthropic(*text(0, *WORDS), *tool(1, *ARGUMENTS))).body, "utf-8")
    return bytes(sent(*responses(*reasoned(0, *WORDS), *function(1, *ARGUMENTS), *said(2, *WORDS))).body, "utf-8")


DECODERS: dict[str, Decode] = {"chat": openai_chunks.decode}


def decoder(name: str) -> Decode:
    if name == "chat":
        return openai_chunks.decode
    return AnthropicDecoder({}) if name == "anthropic" else ResponsesDecoder()


class Pieces(httpx.AsyncByteStream):
    """A body that comes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.is_closed = True


class Wrapper:
    """LiteLLM's wrapper, which is only closed."""

    chunks = ()
    is_closed = False

    async def __anext__(self) -> object:
        raise AssertionError("nothing is read through it")

    async def aclose(self) -> None:
        self.is_closed = True


def stream(name: str, body: Pieces) -> DirectStream:
    response = httpx.Response(200, stream=body, headers={"content-type": "text/event-stream"})
    return DirectStream(Body(response, decoder(name)), Wrapper(), ErrorMapper("m", (), []), "m", OUTPUT_CHARS_MAX)


async def read(name: str, pieces: Sequence[bytes]) -> list[StreamChunk]:
    """All chunks of the stream."""
    found: list[StreamChunk] = []
    one = stream(name, Pieces(pieces))
    while (chunks := await one.read()) is not None:
        found += chunks
    await one.aclose()
    return found


@pytest.mark.parametrize("name", ["chat", "anthropic", "responses"])
async def test_a_stream_gives_the_same_chunks_wherever_it_is_cut(name: str) -> None:
    data = whole(name)
    expected = await read(name, [data])
    assert "".join(one.text for one in expected) == "".join(WORDS)
    for place in range(1, len(data)):
        assert await read(name, [data[:place], data[place:]]) == expected, place
    for size in (1, 2, 3, 64):
        assert await read(name, [data[at : at + size] for at in range(0, len(data), size)]) == expected, size


async def test_nothing_behind_the_last_event_is_read() -> None:
    data = whole("anthropic")
    assert await read("anthropic", [data, data]) == await read("anthropic", [data])


async def test_a_stream_that_is_closed_in_the_middle_closes_its_response() -> None:
    body = Pieces([whole("anthropic")[:500], b""])
    one = stream("anthropic", body)
    assert await one.read()
    await one.aclose()
    assert body.is_closed
