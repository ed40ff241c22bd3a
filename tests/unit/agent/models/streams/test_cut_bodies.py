"""Cut bodies: a stream gives the same answer however the network cuts its bytes."""

import json
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import pytest

from agent.models.error_mapping import ErrorMapper
from agent.models.streams import openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.decoding import Decode
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


def chat(end: str) -> bytes:
    call = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "list", "arguments": '{"p": "\u2028"}'}}]}
    thoughts = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm\u2028"}]}]}
    deltas = [thoughts, *({"content": word} for word in WORDS), call]
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
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(pieces))
    stream = DirectStream(
        Body(response, decode, lines=name == OLLAMA), Wrapper(), ErrorMapper("m", tuple), "m", 1_000_000
    )
    found: list[StreamChunk] = []
    while (chunks := await stream.read()) is not None:
        found += chunks
    await stream.aclose()
    return found


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
