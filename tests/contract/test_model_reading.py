"""Model reading: a provider's stream gives the same answer read from its bytes and read through LiteLLM's wrapper."""

import json
from typing import NamedTuple

import pytest

from agent.models.provider_state.state import decode
from tests.support.models.native_streams import (
    ARGUMENTS,
    GEMINI,
    OLLAMA,
    bedrock,
    call,
    chat,
    cohere,
    cohere_delta,
    function,
    gemini,
    ollama,
    thinking,
)
from tests.support.models.raw_caller import HELLO, caller, chunk
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


LISTED = (("list", ARGUMENTS),)
APART = {"total_tokens": 160, "completion_tokens_details": {"reasoning_tokens": 50}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 4}}
BEDROCK = "bedrock/converse/anthropic.claude-sonnet-4"
WATSONX = "watsonx/ibm/granite"
ACCOUNTS = {
    BEDROCK: {"aws_region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": "key"},
    WATSONX: {"project_id": "project", "token": "token"},
}
ESTIMATED = -1
"""The provider does not count the tokens of reasoning; LiteLLM and we estimate them differently."""
GUESSED = (-1, -1, -1, -1)
"""The provider, or LiteLLM's reader, counts no tokens."""
THOUGHT_TOKENS = (100, 10, 0, 4)
OF_IT = {**THOUGHT, "prompt_tokens_details": {"cached_tokens": 60}}

USAGE_ALONE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
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
            [{"text": "", "thoughtSignature": "SEALED"}, {"text": "", "thoughtSignature": "SECOND"}],
            usage={"thoughtsTokenCount": 4, "totalTokenCount": 114, "cachedContentTokenCount": 60},
        ),
        Read("Hello", "Hm, well.", tokens=(100, 14, 60, 4), signatures=(["SEALED", "SECOND"], {})),
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
    "Ollama's thoughts and text": (
        OLLAMA,
        ollama({"thinking": "Hm\u2028"}, {"thinking": "\u0085."}, {"content": "Hel"}, {"content": "lo\u2028"}),
        Read("Hello\u2028", "Hm\u2028\u0085.", tokens=(100, 10, 0, ESTIMATED)),
    ),
    "Ollama's calls": (
        OLLAMA,
        ollama(
            {"content": "Hello"},
            {"tool_calls": [{"function": {"name": "list", "arguments": LISTED[0][1]}}]},
            {"tool_calls": [{"id": "own", "function": {"index": 1, "name": "list", "arguments": LISTED[0][1]}}]},
        ),
        Read("Hello", calls=(*LISTED, *LISTED), finish="tool_calls"),
    ),
    "Ollama's answer that is cut": (
        OLLAMA,
        ollama({"content": "Hello"}, done_reason="length"),
        Read("Hello", finish="length"),
    ),
    "Databricks' thoughts, text and call": (
        "databricks/m",
        chat(
            {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm.\u2028"}]}]},
            {"content": [{"type": "text", "text": "Hel"}]},
            {"content": "lo"},
            call(name="list", arguments=json.dumps(ARGUMENTS)),
            finish="tool_calls",
            usage=THOUGHT,
        ),
        Read("Hello", "Hm.\u2028", LISTED, "tool_calls", THOUGHT_TOKENS),
    ),
    "Databricks' end": ("databricks/m", chat({"content": "Hello"}, finish="length"), Read("Hello", finish="length")),
    "Bedrock's thoughts, text and call": (
        BEDROCK,
        bedrock(
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm.\u2028"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "SEALED"}}}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hel\u2028"}}),
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "lo"}}),
            ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "a", "name": "list"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": json.dumps(ARGUMENTS)}}}),
            ("contentBlockStop", {"contentBlockIndex": 2}),
            ("messageStop", {"stopReason": "tool_use"}),
            (
                "metadata",
                {"usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110}, "metrics": {"latencyMs": 1}},
            ),
        ),
        Read("Hel\u2028lo", "Hm.\u2028", LISTED, "tool_calls", (100, 10, 0, ESTIMATED)),
    ),
    "watsonx's": (WATSONX, chat({"content": "Hel\u2028"}, {"content": "lo"}), Read("Hel\u2028lo", tokens=GUESSED)),
    "Snowflake's": (
        "snowflake/m",
        chat({"content": "Hel\u2028"}, {"content": "lo"}),
        Read("Hel\u2028lo", tokens=GUESSED),
    ),
    "an agent's over A2A": (
        "a2a/agent",
        events(
            {
                "jsonrpc": "2.0",
                "result": {"kind": "artifact-update", "artifact": {"parts": [{"kind": "text", "text": "Hello"}]}},
            },
            {"jsonrpc": "2.0", "result": {"kind": "status-update", "status": {"state": "completed"}}},
        ),
        Read("Hello", tokens=GUESSED),
    ),
    **{
        f"an answer of {model} that ends with its usage and no reason": (
            model,
            events(HELLO, chunk(usage=USAGE_ALONE), "[DONE]"),
            Read("Hello"),
        )
        for model in ("hosted_vllm/m", "openai/m", "groq/m")
    },
    **{
        f"Gemini's end {reason}": (GEMINI, gemini([{"text": "Hello"}], finish=reason), Read("Hello", finish=finish))
        for reason, finish in GEMINI_ENDS.items()
    },
}


async def read(model: str, sent: Sent, *, direct: bool) -> Read:
    """What a call gets of the stream."""
    async with caller([sent], model, max_retries=0, direct_streams=direct, extra=ACCOUNTS) as one:
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
    got = await read(model, sent, direct=direct)
    if expected.tokens == GUESSED:
        got = got._replace(tokens=GUESSED)
    elif expected.tokens[-1] == ESTIMATED:
        got = got._replace(tokens=(*got.tokens[:3], ESTIMATED))
    assert got == expected


LANGGRAPHS = events(
    ["messages", [[{"type": "AIMessageChunk", "content": "Hel\u2028"}, {}]]],
    ["messages", [[{"type": "AIMessageChunk", "content": "lo"}, {}]]],
)


async def test_an_answer_of_langgraphs_is_read_whole() -> None:
    """LiteLLM's wrapper does not see its end."""
    got = await read("langgraph/agent", LANGGRAPHS, direct=True)
    assert got._replace(tokens=GUESSED) == Read("Hel\u2028lo", tokens=GUESSED)


COHERES = (
    cohere_delta("content-start", content={"type": "thinking", "thinking": ""}),
    cohere_delta("content-delta", content={"thinking": "Hm.\u2028"}),
    {"type": "content-end", "index": 0},
    cohere_delta("content-delta", content={"text": "Hello"}),
)
COHERES_CALL = (
    cohere_delta("tool-plan-delta", tool_plan="I list."),
    cohere_delta(
        "tool-call-start", tool_calls={"id": "a", "type": "function", "function": {"name": "list", "arguments": ""}}
    ),
    cohere_delta("tool-call-delta", tool_calls={"function": {"arguments": json.dumps(ARGUMENTS)[:5]}}),
    cohere_delta("tool-call-delta", tool_calls={"function": {"arguments": json.dumps(ARGUMENTS)[5:]}}),
    {"type": "tool-call-end", "index": 0},
)


@pytest.mark.parametrize("lines", [False, True], ids=["events", "lines"])
async def test_an_answer_of_coheres_is_read_whole(*, lines: bool) -> None:
    """LiteLLM's own reader finds neither its end nor its calls."""
    said = await read("cohere/command-a", cohere(*COHERES, lines=lines), direct=True)
    called = await read(
        "cohere/command-a", cohere(*COHERES_CALL, end={"finish_reason": "TOOL_CALL"}, lines=lines), direct=True
    )
    assert said._replace(tokens=said.tokens[:3]) == Read("Hello", "Hm.\u2028", tokens=(100, 10, 0))  # type: ignore[arg-type]
    assert called._replace(tokens=GUESSED) == Read("", "I list.", LISTED, "tool_calls", GUESSED)
