"""Model reading: a provider's stream gives the same answer read from its bytes and read through LiteLLM's wrapper."""

import asyncio
import json
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from agent.models import ModelError, ModelRequest
from agent.models.provider_state.state import decode
from agent.util.tasks import TaskOwner
from tests.support.backends import Sink
from tests.support.models.raw_caller import caller, chunk
from tests.support.models.raw_http import Sent, events


class Read(NamedTuple):
    """What is left of a stream. `calls`: name and arguments of each. `tokens`: input, output, cached, reasoning.
    `signatures`: those of the text and of the calls by their places.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, object], ...] = ()
    finish: str = "stop"
    tokens: tuple[int, int, int, int] = (100, 10, 0, 0)
    signatures: tuple[list[str], dict[int, str]] = ([], {})


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


def gemini(*parts: list[dict[str, object]], finish: str = "STOP", usage: Mapping[str, int] | None = None) -> Sent:
    """A stream of Gemini's: one event for each list of parts."""
    counts = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110, **(usage or {})}
    candidates = [{"content": {"role": "model", "parts": some}, "index": 0} for some in parts]
    last = {**candidates[-1], "finishReason": finish}
    about = {"usageMetadata": counts, "modelVersion": "gemini", "responseId": "r"}
    return events(*({"candidates": [one], **about} for one in [*candidates[:-1], last]))


def function(**fields: object) -> dict[str, object]:
    """A part with a call."""
    return {"functionCall": {"name": "list", "args": LISTED[0][1]}, **fields}


LISTED = (("list", {"path": "ä\u2028\u0085"}),)
APART = {"total_tokens": 160, "completion_tokens_details": {"reasoning_tokens": 50}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 4}}
THOUGHT_TOKENS = (100, 10, 0, 4)
OF_IT = {**THOUGHT, "prompt_tokens_details": {"cached_tokens": 60}}

GEMINI = "gemini/gemini-flash-latest"
GEMINI_ENDS = {
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "OTHER",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "ESCALATION",
        ),
        "content_filter",
    ),
}

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
    "Gemini's thoughts, text and signature": (
        GEMINI,
        gemini(
            [{"text": "Hm, ", "thought": True}],
            [{"text": "well.", "thought": True}, {"text": "Hel"}],
            [{"text": "lo"}],
            [{"text": "", "thoughtSignature": "SEALED"}],
            usage={"thoughtsTokenCount": 4, "totalTokenCount": 114, "cachedContentTokenCount": 60},
        ),
        Read("Hello", "Hm, well.", tokens=(100, 14, 60, 4), signatures=(["SEALED"], {})),
    ),
    "Gemini's calls, of which the first is signed": (
        GEMINI,
        gemini(
            [{"text": "Hello"}],
            [function(thoughtSignature="S" * 700), {"functionCall": {"name": "plan", "args": {}}}],
            [{"functionCall": {"name": "plan", "args": {"a": [1, 2.5, None, True, "ü"]}, "id": "own"}}],
            [{"text": ""}],
            usage={"thoughtsTokenCount": 4},
        ),
        Read(
            "Hello",
            calls=(*LISTED, ("plan", {}), ("plan", {"a": [1, 2.5, None, True, "ü"]})),
            finish="tool_calls",
            tokens=THOUGHT_TOKENS,
            signatures=([], {0: "S" * 700}),
        ),
    ),
    "Gemini's call that ends its answer": (
        GEMINI,
        gemini([function()]),
        Read(calls=LISTED, finish="tool_calls"),
    ),
    "a prompt that Gemini blocks": (
        GEMINI,
        events({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 100}}),
        Read(finish="content_filter", tokens=(100, 0, 0, 0)),
    ),
    "an event of Gemini's about its sources alone": (
        GEMINI,
        events(
            {"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "index": 0}]},
            {"candidates": [{"index": 0, "groundingMetadata": {"webSearchQueries": ["a"]}}]},
            {
                "candidates": [{"finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
            },
        ),
        Read("Hello"),
    ),
    **{
        f"Gemini's end {reason}": (GEMINI, gemini([{"text": "Hello"}], finish=reason), Read("Hello", finish=finish))
        for reason, finish in GEMINI_ENDS.items()
    },
}


async def read(model: str, sent: Sent, *, direct: bool) -> Read:
    """What a call gets of the stream."""
    async with caller([sent], model, max_retries=0, direct_streams=direct) as one:
        reply, output = await one.call(tools=True)
    used = reply.usage
    assert used is not None
    calls = tuple((one.name, json.loads(one.arguments)) for one in reply.tool_calls)
    tokens = (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens)
    state = decode(reply.provider_state)
    signatures = (state.text_signatures, state.call_signatures) if state is not None else ([], {})
    return Read(output.all(), output.all("reasoning"), calls, reply.finish_reason, tokens, signatures)


@pytest.mark.parametrize("direct", [True, False], ids=["directly", "through the wrapper"])
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_gives_the_same_read_directly_and_through_the_wrapper(name: str, *, direct: bool) -> None:
    model, sent, expected = STREAMS[name]
    assert await read(model, sent, direct=direct) == expected


def text_of(sent: Sent) -> str:
    """The body of events."""
    assert isinstance(sent.body, str)
    return sent.body


BEGUN: dict[str, tuple[str, str]] = {
    "chat completions": ("xai/m", text_of(events(chunk({"content": "Half"}, id="c", created=1, model="m")))),
    "Gemini": (GEMINI, text_of(events({"candidates": [{"content": {"parts": [{"text": "Half"}]}, "index": 0}]}))),
}
"""The model and the begin of a stream."""

BROKEN: dict[str, tuple[str, Sent, str, str]] = {
    "Gemini is overloaded": (
        "Gemini",
        events({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}),
        "model_overloaded",
        "The model is overloaded.",
    ),
    "Gemini limits the rate": (
        "Gemini",
        events({"error": {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED"}}),
        "model_rate_limited",
        "Resource exhausted",
    ),
    "Gemini sends no JSON": ("Gemini", Sent('data: {"candi\n\n'), "model_bad_response", "malformed data"),
    "Gemini sends other JSON": ("Gemini", Sent("data: [1]\n\n"), "model_bad_response", "malformed data"),
    "Gemini sends parts that are none": (
        "Gemini",
        events({"candidates": [{"content": {"parts": [7]}}]}),
        "model_bad_response",
        "malformed data",
    ),
    "Gemini ends without a reason": ("Gemini", Sent(""), "model_stream_cut", "without a finish reason"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_stream_that_breaks_keeps_its_text_and_says_why(name: str) -> None:
    begun, sent, code, words = BROKEN[name]
    model, begin = BEGUN[begun]
    async with caller([Sent(begin + text_of(sent))], model, max_retries=0) as one:
        output = Sink()
        with pytest.raises(ModelError) as raised:
            await one.models.call(ModelRequest(model, [{"role": "user", "content": "Hello?"}], []), output)
    assert (raised.value.code, output.all()) == (code, "Half")
    assert words in raised.value.message


@pytest.mark.parametrize("direct", [True, False], ids=["directly", "through the wrapper"])
@pytest.mark.parametrize("name", BEGUN)
async def test_a_call_that_is_cancelled_closes_its_connection(name: str, tasks: TaskOwner, *, direct: bool) -> None:
    model, begin = BEGUN[name]
    async with caller([Sent(begin, stays=True)], model, max_retries=0, direct_streams=direct) as one:
        output = Sink()
        call = tasks.start(
            one.models.call(ModelRequest(model, [{"role": "user", "content": "Hi"}], []), output), "call"
        )
        async with asyncio.timeout(30):
            await output.first.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await one.server.left.wait()
    assert output.all() == "Half"
