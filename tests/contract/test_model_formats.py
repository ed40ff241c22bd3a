"""Model formats: Anthropic's and the Responses API's events give the same message read by us and through LiteLLM's wrapper."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from agent.models import ModelReply
from agent.models.provider_state.state import ProviderState, decode
from tests.support.backends import Sink
from tests.support.models.raw_caller import Caller, caller
from tests.support.models.raw_http import Sent

Body = dict[str, Any]
CLAUDE, GPT = "anthropic/claude-sonnet-5", "openai/gpt-5.6"
READING = pytest.mark.parametrize("direct", [True, False], ids=["directly", "through the wrapper"])
WORDS = "Grüße\u2028an\u0085alle \U0001f600 \u2029\x1c, ", "\U00010348end"
"""Tokens with what Python takes for an end of line, and characters of two, three and four bytes."""


def sent(*bodies: Mapping[str, Any], **fields: Any) -> Sent:
    """Events with their types as their names, and their text as it is."""
    parts = (f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n" for body in bodies)
    return Sent("".join(parts), **fields)


def block(index: int, start: Body, *deltas: Body) -> list[Body]:
    """A block of Anthropic's content."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *words: str) -> list[Body]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": word} for word in words))


def tool(index: int, *pieces: str, **fields: object) -> list[Body]:
    start = {"type": "tool_use", "id": f"toolu_{index}", "name": "list", "input": {}, **fields}
    return block(index, start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def anthropic(
    *content: Body, reason: str | None = "end_turn", begin: Body | None = None, end: Body | None = None
) -> list[Body]:
    """The events of a message. `begin`, `end`: what its usage has then beside the usual."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "content": []}
    usage = {"input_tokens": 100, "output_tokens": 1, **(begin or {})}
    return [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
        {"type": "ping"},
        *content,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 50, **(end or {})}},
        {"type": "message_stop"},
    ]


def delta(kind: str, piece: str, index: int = 0, **fields: object) -> Body:
    """A piece of an item of the Responses API."""
    return {"type": f"response.{kind}.delta", "item_id": "i", "output_index": index, "delta": piece, **fields}


def item(index: int, whole: Body, *deltas: Body, begun: Body | None = None) -> list[Body]:
    """An item of the Responses API. `begun`: what is else when it is added."""
    place = {"output_index": index}
    return [
        {"type": "response.output_item.added", **place, "item": {**whole, **(begun or {})}},
        *deltas,
        {"type": "response.output_item.done", **place, "item": whole},
    ]


def said(index: int, *words: str) -> list[Body]:
    content = [{"type": "output_text", "text": "".join(words), "annotations": []}]
    whole = {"id": f"msg_{index}", "type": "message", "role": "assistant", "status": "completed", "content": content}
    return item(
        index, whole, *(delta("output_text", word, index, logprobs=[]) for word in words), begun={"content": []}
    )


def function(index: int, *pieces: str, **fields: object) -> list[Body]:
    ids = {"id": f"fc_{index}", "call_id": f"call_a{index}"}
    whole = {
        **ids,
        "type": "function_call",
        "name": "list",
        "arguments": "".join(pieces),
        "status": "completed",
        **fields,
    }
    deltas = [delta("function_call_arguments", piece, index) for piece in pieces]
    done = {"type": "response.function_call_arguments.done", "output_index": index, "arguments": whole["arguments"]}
    return item(index, whole, *deltas, done, begun={"arguments": ""})


def reasoned(index: int, *pieces: str, sealed: str | None = "SEALED") -> list[Body]:
    summary = [{"type": "summary_text", "text": "".join(pieces)}] if pieces else []
    whole = {"id": f"rs_{index}", "type": "reasoning", "summary": summary, "encrypted_content": sealed}
    deltas = [delta("reasoning_summary_text", piece, index, summary_index=0) for piece in pieces]
    return item(index, whole, *deltas, begun={"summary": [], "encrypted_content": "begun"})


def responses(*events: Body, end: str = "completed", usage: Body | None = None, **fields: object) -> list[Body]:
    """The events of a response."""
    begun = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.6", "output": []}
    counts = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150, **(usage or {})}
    output = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    whole = {**begun, "status": end, "output": output, "usage": counts, **fields}
    bodies = [
        {"type": "response.created", "response": {**begun, "status": "in_progress"}},
        {"type": "response.in_progress", "response": {**begun, "status": "in_progress"}},
        *events,
        {"type": f"response.{end}", "response": whole},
    ]
    return [{"sequence_number": number, **body} for number, body in enumerate(bodies)]


ARGUMENTS = '{"path": ', '"ä\u2028', '\u0085"}'
CACHED = {"input_tokens": 20, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 10}
THOUGHT = {"output_tokens_details": {"thinking_tokens": 30}}
THINKING = [
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "I "},
        {"type": "thinking_delta", "thinking": WORDS[0]},
        {"type": "signature_delta", "signature": "SIGNED"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "SEALED"}),
    *block(
        2, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "signature_delta", "signature": "OMITTED"}
    ),
]
REASONING_TOKENS = {"output_tokens_details": {"reasoning_tokens": 30}}
CACHED_TOKENS = {"input_tokens_details": {"cached_tokens": 70}}

MESSAGES: dict[str, tuple[str, list[Body]]] = {
    "Anthropic's text": (CLAUDE, anthropic(*text(0, *WORDS))),
    "Anthropic's text with what is cached": (CLAUDE, anthropic(*text(0, *WORDS), begin=CACHED)),
    "Anthropic's counts that come at the end": (CLAUDE, anthropic(*text(0, *WORDS), end=CACHED)),
    "Anthropic's thinking": (CLAUDE, anthropic(*THINKING, *text(3, *WORDS), end=THOUGHT)),
    "Anthropic's thinking and calls": (
        CLAUDE,
        anthropic(*THINKING, *text(3, *WORDS), *tool(4, *ARGUMENTS), *tool(5, "{}"), reason="tool_use", end=THOUGHT),
    ),
    "Anthropic's end for want of tokens": (CLAUDE, anthropic(*text(0, *WORDS), reason="max_tokens")),
    "Anthropic's refusal": (CLAUDE, anthropic(*text(0, *WORDS), reason="refusal")),
    "Anthropic's compaction": (
        CLAUDE,
        anthropic(*text(0, *WORDS), end={"iterations": [{"input_tokens": 90, "output_tokens": 5}, CACHED]}),
    ),
    "Anthropic's events of later versions": (
        CLAUDE,
        anthropic(
            {"type": "later", "delta": {"text": 7}},
            *block(0, {"type": "later"}, {"type": "later_delta"}),
            *text(1, *WORDS),
        ),
    ),
    "a response's text": (GPT, responses(*said(0, *WORDS), usage=CACHED_TOKENS)),
    "a response's reasoning": (
        GPT,
        responses(*reasoned(0, "I ", WORDS[0]), *said(1, *WORDS), usage=REASONING_TOKENS),
    ),
    "a response's reasoning without a summary": (
        GPT,
        responses(*reasoned(0), *reasoned(1, sealed="AGAIN"), *said(2, *WORDS), usage=REASONING_TOKENS),
    ),
    "a response's calls": (
        GPT,
        responses(*reasoned(0, "Hm."), *function(1, *ARGUMENTS), *function(2, "{}"), usage=REASONING_TOKENS),
    ),
    "a response's call with an id that is a number": (GPT, responses(*function(0, "{}", call_id="call_0"))),
    "a response's end for want of tokens": (
        GPT,
        responses(*said(0, *WORDS), end="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    ),
    "a response's filter": (
        GPT,
        responses(*said(0, *WORDS), end="incomplete", incomplete_details={"reason": "content_filter"}),
    ),
    "a response's events of later versions": (
        GPT,
        responses(
            {"type": "response.later.delta", "delta": {"text": 7}}, *item(0, {"type": "later"}), *said(1, *WORDS)
        ),
    ),
}


class Message(msgspec.Struct, frozen=True):
    """What a call gets: its reply without the provider state, that state, the text and the reasoning."""

    reply: ModelReply
    state: ProviderState | None
    text: str
    reasoning: str


def gathered(reply: ModelReply, output: Sink) -> Message:
    """The message. Where the state comes from is left out: it holds the port."""
    state = decode(reply.provider_state) if reply.provider_state else None
    if state is not None:
        state = msgspec.structs.replace(state, source="")
    return Message(msgspec.structs.replace(reply, provider_state=b""), state, output.all(), output.all("reasoning"))


@asynccontextmanager
async def serving(model: str, answer: Sent, *, direct: bool = True) -> AsyncIterator[Caller]:
    """A caller of the model; with an effort LiteLLM takes every call of GPT over its bridge."""
    extra = {"*": {"reasoning_effort": "low"}} if model == GPT else {}
    async with caller([answer], model, max_retries=0, direct_streams=direct, extra=extra) as one:
        yield one
        path = one.server.requests[0].path
    assert path == ("/v1/responses" if model == GPT else "/v1/messages")


async def called(model: str, answer: Sent, *, direct: bool) -> Message:
    async with serving(model, answer, direct=direct) as one:
        return gathered(*await one.call(tools=True))


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_is_the_same_read_directly_and_through_the_wrapper(name: str) -> None:
    model, bodies = MESSAGES[name]
    expected = await called(model, sent(*bodies), direct=False)
    assert expected.text == "" or WORDS[0] in expected.text
    for piece in (0, 1, 7):
        assert await called(model, sent(*bodies, piece=piece), direct=True) == expected
