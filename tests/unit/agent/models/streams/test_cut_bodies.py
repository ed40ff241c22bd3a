"""Cut bodies: a stream gives the same answer however the network cuts its bytes."""

import itertools
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import httpx
import pytest

from agent.models.error_mapping import ErrorMapper
from agent.models.errors import ModelError
from agent.models.streams import openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.decoding import Decode, lines_of_events
from agent.models.streams.direct import DirectStream
from agent.models.streams.gemini_chunks import GeminiDecoder
from agent.models.streams.ollama_lines import OllamaDecoder
from agent.models.streams.readers import Body
from agent.models.streams.responses_events import ResponsesDecoder
from agent.models.types import StreamChunk
from tests.support.models import format_events
from tests.support.models.raw_caller import STOP, chunk

OLLAMA = "Ollama's lines"
WORDS = ("zero ", "one\u2028two", "\u0085three", " \x0bfour", "\U0001f600", "\r\n\n")


class Pieces(httpx.AsyncByteStream):
    """A body that comes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Wrapper:
    """LiteLLM's wrapper, which is only closed."""

    chunks: Sequence[object] = ()

    async def __anext__(self) -> object:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nothing is open."""


def events(*bodies: object, end: str) -> bytes:
    """Events with JSON that escapes nothing."""
    data = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in bodies)
    return "".join(f"data: {one}{end}{end}" for one in data).encode()


def chat(end: str, times: int = 1) -> bytes:
    call = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "list", "arguments": '{"p": "\u2028"}'}}]}
    thoughts = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm\u2028"}]}]}
    deltas = [thoughts, *({"content": word} for word in WORDS * times), call]
    return b"\xef\xbb\xbf: hi" + end.encode() + events(*map(chunk, deltas), STOP, "[DONE]", end=end)


def gemini(end: str) -> bytes:
    parts = [{"text": "Hm\u2028", "thought": True}, *({"text": word} for word in WORDS)]
    parts.append({"functionCall": {"name": "list", "args": {"p": "\u2028"}, "id": "a"}, "thoughtSignature": "S"})
    candidates = [{"content": {"parts": [part]}} for part in parts]
    return events(*({"candidates": [one]} for one in candidates), {"candidates": [{"finishReason": "STOP"}]}, end=end)


THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}
THOUGHTS = ({"type": "thinking_delta", "thinking": "Hm\u2028"}, {"type": "signature_delta", "signature": "S\u2028"})
ARGUMENTS = ('{"p": ', '"\u2028"}')


def messages() -> bytes:
    call = format_events.tool(2, *ARGUMENTS, id="a")
    content = [*format_events.block(0, THOUGHT, *THOUGHTS), *format_events.text(1, *WORDS), *call]
    return format_events.sent(*format_events.anthropic(*content)).encoded_body()


def responses() -> bytes:
    call = format_events.function(2, *ARGUMENTS, call_id="a")
    items = [*format_events.reasoned(0, "Hm\u2028"), *format_events.said(1, *WORDS), *call]
    return format_events.sent(*format_events.responses(*items)).encoded_body()


def ollama() -> bytes:
    call = {"function": {"name": "list", "arguments": {"p": "\u2028"}}, "id": "a"}
    messages = [{"thinking": "Hm\u2028"}, *({"content": word} for word in WORDS), {"tool_calls": [call]}]
    lines = [*({"message": message, "done": False} for message in messages), {"done": True, "done_reason": "stop"}]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


BODIES: dict[str, tuple[bytes, Callable[[], Decode]]] = {
    OLLAMA: (ollama(), OllamaDecoder),
    **{f"chat completions, {end!r}": (chat(end), lambda: openai_chunks.decode) for end in ("\n", "\r\n")},
    **{f"Gemini, {end!r}": (gemini(end), GeminiDecoder) for end in ("\n", "\r\n")},
    "Anthropic": (messages(), lambda: AnthropicDecoder({})),
    "responses": (responses(), ResponsesDecoder),
}


async def read(name: str, pieces: Sequence[bytes]) -> list[StreamChunk]:
    """The chunks of a body in these pieces."""
    decode = BODIES[name][1]()
    texts = openai_chunks.decode_texts if decode is openai_chunks.decode else None
    return joined(await chunks_of(pieces, decode, lines=name == OLLAMA, decode_texts=texts))


async def chunks_of(pieces: Sequence[bytes], decode: Decode, **how: Any) -> list[StreamChunk]:
    """The chunks of a body in these pieces, read in this way."""
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(pieces))
    stream = DirectStream(Body(response, decode, **how), Wrapper(), ErrorMapper("m", tuple), "m", 1_000_000)
    found: list[StreamChunk] = []
    while (chunks := await stream.read()) is not None:
        found += chunks
    await stream.aclose()
    return found


def joined(chunks: Iterable[StreamChunk]) -> list[StreamChunk]:
    """The same with the text of neighbours that have nothing else in one chunk, and without chunks that have nothing."""
    found: list[StreamChunk] = []
    for one in chunks:
        if found and one == StreamChunk(one.text) and found[-1] == StreamChunk(found[-1].text):
            found[-1] = StreamChunk(found[-1].text + one.text)
        else:
            found.append(one)
    return [one for one in found if one != StreamChunk()]


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_gives_the_same_however_it_is_cut(name: str) -> None:
    body = BODIES[name][0]
    whole = await read(name, [body])
    assert "".join(one.text for one in whole) == "".join(WORDS)
    assert "".join(one.reasoning for one in whole) == "Hm\u2028"
    call, *more = [fragment for one in whole for fragment in one.fragments]
    arguments = "".join(fragment.arguments or "" for fragment in (call, *more))
    assert (call.id, call.name, json.loads(arguments)) == ("a", "list", {"p": "\u2028"})
    assert [one.finish_reason for one in whole if one.finish_reason] != []
    for size in (1, 2, 3, 7):
        assert await read(name, [body[at : at + size] for at in range(0, len(body), size)]) == whole
    for at in range(1, len(body), 1 + len(body) // 1_000):
        assert await read(name, [body[:at], body[at:]]) == whole


LONG = chat("\n", 40)
MIXED = LONG.replace(b"data: [DONE]\n\n", LONG.removeprefix(b"\xef\xbb\xbf"))


@pytest.mark.parametrize(
    "body",
    [
        LONG,
        LONG.replace(b"\n", b"\r\n"),
        MIXED,
        MIXED.replace(b": hi\n", b"event: x\n"),
        MIXED.replace(b": hi\n", b"\n"),
    ],
)
async def test_text_that_is_decoded_together_is_the_text_of_its_events(body: bytes) -> None:
    one_by_one = joined(await chunks_of([body], openai_chunks.decode))
    assert "".join(one.text for one in one_by_one).startswith("".join(WORDS * 40))
    together = await chunks_of([body], openai_chunks.decode, decode_texts=openai_chunks.decode_texts)
    assert joined(together) == one_by_one
    assert len(together) < len(WORDS) * 40, "most of it is decoded together"
    for seed in range(20):
        cuts = sorted(random.Random(seed).sample(range(len(body)), 10))
        pieces = [body[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(body)])]
        again = await chunks_of(pieces, openai_chunks.decode, decode_texts=openai_chunks.decode_texts)
        assert joined(again) == one_by_one, f"seed {seed}"


@pytest.mark.parametrize(
    "broken",
    [b'data: {"choices":[]}{"choices":[]}\n\n', b'data: {"choices":[\n\n', b"data: {}, {}\n\n", b"data: 1\n\n"],
)
async def test_of_events_before_one_that_is_no_json_none_is_lost(broken: bytes) -> None:
    words = events(*(chunk({"content": word}) for word in WORDS * 20), end="\n")
    response = httpx.Response(200, stream=Pieces([words + broken + words]))
    body = Body(response, openai_chunks.decode, decode_texts=openai_chunks.decode_texts)
    stream = DirectStream(body, Wrapper(), ErrorMapper("m", tuple), "m", 1_000_000)
    assert "".join(one.text for one in await stream.read() or ()) == "".join(WORDS * 20)
    with pytest.raises(ModelError, match="malformed"):
        await stream.read()
    await stream.aclose()


async def test_an_error_in_place_of_a_stream_is_read_however_it_is_cut() -> None:
    body = b'{\n\n  "error": {"message": "No such model."}\n\n}\n\n'
    for at in range(1, len(body)):
        with pytest.raises(ModelError, match=re.escape("No such model.")):
            await chunks_of([body[:at], body[at:]], openai_chunks.decode, decode_texts=openai_chunks.decode_texts)


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (b'data: {"a":1}\n\ndata: {"b":2}\n\n', (b'{"a":1}\n{"b":2}', 2)),
        (b'data: {"a":1}\n\n', (b'{"a":1}', 1)),
        (b'data: {"a":1}\n\ndata: {"b":2}\n', None),
        (b'data: {"a":\n\ndata: 1}\n\n', None),
        (b'data: {"a":1}\r\n\r\n', None),
        (b'data: {"a":1}\n\n\n\n', None),
        (b'id: 1\ndata: {"a":1}\n\n', None),
        (b'data: {"a":1}\n\ndata: [DONE]\n\n', None),
    ],
)
def test_the_lines_of_events_are_those_of_whole_events_with_an_object_each(
    block: bytes, lines: tuple[bytes, int] | None
) -> None:
    assert lines_of_events(block) == lines
