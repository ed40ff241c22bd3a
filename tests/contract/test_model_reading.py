"""Model reading: a provider's stream gives the same answer read from its bytes and read through LiteLLM's wrapper."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.support.models.raw_caller import caller, chunk
from tests.support.models.raw_http import Sent, events


class Read(NamedTuple):
    """What is left of a stream. `calls`: name and arguments of each. `tokens`: input, output, cached, reasoning."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, object], ...] = ()
    finish: str = "stop"
    tokens: tuple[int, int, int, int] = (100, 10, 0, 0)


def chat(*deltas: Mapping[str, object], finish: str = "stop", usage: Mapping[str, object] | None = None) -> Sent:
    """A stream of chat completion chunks, each with what providers' own have beside their choices."""
    counts = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, **(usage or {})}
    bodies = [*map(chunk, deltas), chunk({}, finish), chunk(usage=counts)]
    return events(*({**body, "id": "c", "created": 1, "model": "m"} for body in bodies), "[DONE]")


def thinking(text: str) -> list[dict[str, object]]:
    """A content of Mistral's with a part of its thoughts."""
    return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]


def call(**fields: object) -> dict[str, object]:
    """A delta with a call."""
    return {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": fields}]}


LISTED = (("list", {"path": "ä\u2028\u0085"}),)
APART = {"total_tokens": 160, "completion_tokens_details": {"reasoning_tokens": 50}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 4}}
THOUGHT_TOKENS = (100, 10, 0, 4)
OF_IT = {**THOUGHT, "prompt_tokens_details": {"cached_tokens": 60}}

STREAMS: dict[str, tuple[str, Sent, Read]] = {
    "xAI's, whose reasoning tokens are counted apart": (
        "xai/grok-4",
        chat({"role": "assistant", "reasoning_content": "Hm."}, {"content": "Hel"}, {"content": "lo"}, usage=APART),
        Read("Hello", "Hm.", tokens=(100, 60, 0, 50)),
    ),
    "xAI's call": (
        "xai/grok-4",
        chat(call(name="list", arguments=json.dumps(LISTED[0][1])), finish="tool_calls", usage=OF_IT),
        Read(calls=LISTED, finish="tool_calls", tokens=(100, 10, 60, 4)),
    ),
    "Mistral's thoughts as parts of the content": (
        "mistral/magistral-medium-latest",
        chat(
            {"role": "assistant", "content": ""},
            {"content": thinking("Hm, ")},
            {"content": thinking("well.")},
            {"content": [{"type": "text", "text": "Hel"}]},
            {"content": "lo"},
            usage=THOUGHT,
        ),
        Read("Hello", "Hm, well.", tokens=THOUGHT_TOKENS),
    ),
    "Mistral's thoughts and text in one delta": (
        "mistral/magistral-medium-latest",
        chat({"content": [*thinking("Hm."), {"type": "text", "text": "Hello"}]}, usage=THOUGHT),
        Read("Hello", "Hm.", tokens=THOUGHT_TOKENS),
    ),
    "Mistral's end for want of context": (
        "mistral/m",
        chat({"content": "Hello"}, finish="model_length"),
        Read("Hello", finish="length"),
    ),
    "Azure AI's": (
        "azure_ai/mistral-large",
        chat(
            {"content": "Hel"},
            {"content": "lo"},
            call(name="list", arguments=json.dumps(LISTED[0][1])),
            finish="tool_calls",
        ),
        Read("Hello", calls=LISTED, finish="tool_calls"),
    ),
    "Eden AI's": ("edenai/openai/m", chat({"content": "Hel"}, {"content": "lo"}), Read("Hello")),
    "CometAPI's": (
        "cometapi/m",
        chat({"reasoning": "Hm."}, {"content": "Hello"}, usage=THOUGHT),
        Read("Hello", "Hm.", tokens=THOUGHT_TOKENS),
    ),
    "Groq's": (
        "groq/m",
        chat({"reasoning": "Hm."}, {"content": "Hello"}, usage=THOUGHT),
        Read("Hello", "Hm.", tokens=THOUGHT_TOKENS),
    ),
    "OpenRouter's": (
        "openrouter/m",
        chat({"reasoning": "Hm."}, {"content": "Hello"}, usage=THOUGHT),
        Read("Hello", "Hm.", tokens=THOUGHT_TOKENS),
    ),
    "Fireworks'": (
        "fireworks_ai/m",
        chat({"reasoning_content": "Hm."}, {"content": "Hello"}, usage=THOUGHT),
        Read("Hello", "Hm.", tokens=THOUGHT_TOKENS),
    ),
}


async def read(model: str, sent: Sent, *, direct: bool) -> Read:
    """What a call gets of the stream."""
    async with caller([sent], model, max_retries=0, direct_streams=direct) as one:
        reply, output = await one.call(tools=True)
    used = reply.usage
    assert used is not None
    calls = tuple((one.name, json.loads(one.arguments)) for one in reply.tool_calls)
    tokens = (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens)
    return Read(output.all(), output.all("reasoning"), calls, reply.finish_reason, tokens)


@pytest.mark.parametrize("direct", [True, False], ids=["directly", "through the wrapper"])
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_gives_the_same_read_directly_and_through_the_wrapper(name: str, *, direct: bool) -> None:
    model, sent, expected = STREAMS[name]
    assert await read(model, sent, direct=direct) == expected
