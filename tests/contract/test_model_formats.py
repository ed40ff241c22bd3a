"""Model formats: Anthropic's and the Responses API's events give the same message read by us and through LiteLLM's wrapper."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from agent.models import ModelError, ModelReply, ModelRequest, Models, ModelSettings
from agent.models.provider_state.state import ProviderState, decode
from agent.util.tasks import TaskOwner
from tests.support.backends import Sink
from tests.support.models.format_events import (
    WORDS,
    Body,
    anthropic,
    block,
    delta,
    function,
    item,
    reasoned,
    responses,
    said,
    sent,
    text,
    tool,
)
from tests.support.models.raw_caller import TOOL, Caller, caller
from tests.support.models.raw_http import JSON, Sent
from tests.support.models.scripted_model import ScriptedModel, by_words

CLAUDE, GPT = "anthropic/claude-sonnet-5", "openai/gpt-5.6"
READING = pytest.mark.parametrize("direct", [True, False], ids=["directly", "through the wrapper"])
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
async def serving(model: str, answer: Sent, *, direct: bool = True, **settings: Any) -> AsyncIterator[Caller]:
    """A caller of the model; with an effort LiteLLM takes every call of GPT over its bridge."""
    extra = {"*": {"reasoning_effort": "low"}} if model == GPT else {}
    async with caller([answer], model, max_retries=0, direct_streams=direct, extra=extra, **settings) as one:
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


async def test_without_direct_streams_all_goes_through_the_wrapper() -> None:
    """Which way was gone shows in a call of a tool without a piece of its arguments: there the wrapper leaves them out."""
    answer = sent(*anthropic(*tool(0), reason="tool_use"))
    ways = {direct: await called(CLAUDE, answer, direct=direct) for direct in (True, False)}
    assert {direct: message.reply.tool_calls[0].arguments for direct, message in ways.items()} == {
        True: "{}",
        False: "",
    }


def failing(model: str, *events: Body) -> list[Body]:
    """An answer that begins with a text, and ends with these events."""
    whole = anthropic(*text(0, WORDS[0])) if model == CLAUDE else responses(*said(0, WORDS[0]))
    last = "content_block_delta" if model == CLAUDE else "response.output_text.delta"
    place = max(place for place, body in enumerate(whole) if body["type"] == last)
    return [*whole[: place + 1], *events]


def error(kind: str, message: str) -> Body:
    return {"type": "error", "error": {"type": kind, "message": message, "details": None}}


def failed(code: str, message: str) -> Body:
    return {
        "type": "response.failed",
        "response": {"id": "r", "status": "failed", "error": {"code": code, "message": message}},
    }


FAILURES: dict[str, tuple[str, list[Body], str, str]] = {
    "Anthropic is overloaded": (CLAUDE, [error("overloaded_error", "Overloaded")], "model_overloaded", "Overloaded"),
    "Anthropic's limit": (CLAUDE, [error("rate_limit_error", "Slow down")], "model_rate_limited", "Slow down"),
    "Anthropic's fault": (
        CLAUDE,
        [error("api_error", "Internal server error")],
        "model_bad_response",
        "Internal server error",
    ),
    "Anthropic's stream is cut": (CLAUDE, [], "model_stream_cut", "without a finish reason"),
    "a response fails": (GPT, [failed("server_error", "The engine died")], "model_bad_response", "The engine died"),
    "a response meets a limit": (GPT, [failed("rate_limit_exceeded", "Slow down")], "model_rate_limited", "Slow down"),
    "an error in place of a response": (
        GPT,
        [{"type": "error", "code": "rate_limit_exceeded", "message": "Slow down", "param": None}],
        "model_rate_limited",
        "Slow down",
    ),
    "a response is cut": (GPT, [], "model_stream_cut", "without a finish reason"),
    "a response for which it is too long": (
        GPT,
        [failed("context_length_exceeded", "Your input exceeds the context window of this model.")],
        "model_context_exceeded",
        "exceeds the context window",
    ),
}
FORGOTTEN = frozenset({"Anthropic's limit", "an error in place of a response", "a response is cut"})
"""Failures of which the wrapper forgets the kind."""


@READING
@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_in_the_middle_is_told_and_what_came_is_kept(name: str, *, direct: bool) -> None:
    model, events, code, words = FAILURES[name]
    output = Sink()
    async with serving(model, sent(*failing(model, *events)), direct=direct) as one:
        error = await one.fails(tools=True, output=output)
        assert len(one.server.requests) == 1
    if not direct and name in FORGOTTEN:
        assert error.code == "model_bad_response"
    else:
        assert error.code == code
        assert words in error.message
    assert output.all() == WORDS[0]


@pytest.mark.parametrize("model", [CLAUDE, GPT])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Sent("event: message_start\ndata: {bad\n\n"), "model_bad_response"),
        (Sent('data: ["no", "event"]\n\n'), "model_bad_response"),
        (Sent("data: {}\n\n"), "model_bad_response"),
        (Sent("<html>welcome</html>", kind="text/html"), "model_bad_response"),
        (Sent(json.dumps(error("overloaded_error", "Overloaded")), kind=JSON), "model_overloaded"),
        (Sent(""), "model_no_answer"),
    ],
    ids=["malformed", "a list", "without a type", "a page", "an error alone", "empty"],
)
async def test_what_is_no_answer_is_a_failure(model: str, answer: Sent, code: str) -> None:
    async with serving(model, answer) as one:
        assert (await one.fails(tools=True)).code == code


@pytest.mark.parametrize(
    ("model", "events"),
    [(CLAUDE, ()), (GPT, ()), (CLAUDE, (error("api_error", "died"),)), (GPT, (failed("server_error", "died"),))],
    ids=["Anthropic, stopped", "a response, stopped", "Anthropic, failed", "a response, failed"],
)
async def test_a_call_that_is_stopped_or_fails_closes_its_connection(
    model: str, events: tuple[Body, ...], tasks: TaskOwner
) -> None:
    output = Sink()
    async with serving(model, sent(*failing(model, *events), stays=True)) as one:
        call = tasks.start(one.call(tools=True, output=output), "call")
        async with asyncio.timeout(30):
            await output.first.wait()
            if not events:
                call.cancel()
            with pytest.raises(ModelError if events else asyncio.CancelledError):
                await call
            await one.server.left.wait()


@pytest.mark.parametrize("model", [CLAUDE, GPT])
async def test_an_answer_ends_with_its_last_event_and_not_with_its_connection(model: str) -> None:
    whole = anthropic(*text(0, *WORDS)) if model == CLAUDE else responses(*said(0, *WORDS))
    async with serving(model, sent(*whole, stays=True)) as one:
        message = gathered(*await one.call(tools=True))
    assert message.text == "".join(WORDS)


@pytest.mark.parametrize("model", [CLAUDE, GPT])
async def test_one_connection_serves_answer_after_answer(model: str) -> None:
    settings = {"api_key": "none", "extra": {GPT: {"reasoning_effort": "low"}}}
    async with ScriptedModel(by_words(3, 0, is_stamped=False), lenient=True) as server:
        models = Models(msgspec.convert({**settings, "api_base": server.api_base}, ModelSettings), named=[model])
        request = ModelRequest(model, [{"role": "user", "content": "Hello?"}], [TOOL])
        await models.call(request, Sink())
        async with asyncio.timeout(30):
            while not models.settled:
                await asyncio.sleep(0)
        accepted = server.accepted
        for _ in range(3):
            await models.call(request, Sink())
        await models.aclose()
        assert server.accepted == accepted


@pytest.mark.parametrize("model", ["azure_ai/claude-sonnet-4-5", "azure_ai/gpt-5.6", "azure/gpt-5.6"])
async def test_the_clouds_that_serve_these_formats_are_read_directly(model: str) -> None:
    """As a call without a piece of its arguments shows, and a refusal: of both the wrapper gives nothing."""
    claude = anthropic(*text(0, *WORDS), *tool(1), reason="tool_use")
    gpt = responses(*said(0, *WORDS), delta("refusal", "No."), *function(1, "{}"))
    extra = {"azure/gpt-5.6": {"api_version": "preview"}, "*": {"reasoning_effort": "low"}}
    async with caller([sent(*(gpt if "gpt" in model else claude))], model, max_retries=0, extra=extra) as one:
        reply, output = await one.call(tools=True)
    assert output.all() == "".join(WORDS) + ("No." if "gpt" in model else "")
    assert ([call.arguments for call in reply.tool_calls], reply.finish_reason) == (["{}"], "tool_calls")
