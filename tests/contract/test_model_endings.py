"""Model endings: the reasons to finish of providers with formats of their own, and streams whose only end is `data: [DONE]`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.models import format_events
from tests.support.models.format_events import responses, said, sent, text
from tests.support.models.native_streams import cohere_delta
from tests.support.models.raw_caller import Caller, caller, chunk
from tests.support.models.raw_http import Sent, events


def anthropic(reason: str) -> Sent:
    """An answer of Anthropic's that ends for this reason."""
    return events(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}},
        names=True,
    )


def gemini(reason: str) -> Sent:
    """An answer of Gemini's that ends for this reason."""
    return events({"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": reason, "index": 0}]})


ENDINGS = [
    ("anthropic/claude-sonnet-5", anthropic("end_turn"), "stop"),
    ("anthropic/claude-sonnet-5", anthropic("max_tokens"), "length"),
    ("anthropic/claude-sonnet-5", anthropic("model_context_window_exceeded"), "length"),
    ("anthropic/claude-sonnet-5", anthropic("pause_turn"), "pause_turn"),
    ("anthropic/claude-sonnet-5", anthropic("refusal"), "content_filter"),
    ("gemini/gemini-flash-latest", gemini("SAFETY"), "content_filter"),
    ("gemini/gemini-flash-latest", gemini("MAX_TOKENS"), "length"),
]


@pytest.mark.parametrize(("model", "sent", "reason"), ENDINGS, ids=[reason for *_, reason in ENDINGS])
async def test_the_reason_to_finish_is_the_providers(model: str, sent: Sent, reason: str) -> None:
    async with caller([sent], model, max_retries=0) as one:
        reply, output = await one.call()
    assert (reply.finish_reason, output.all()) == (reason, "Hello")


async def test_a_call_that_gemini_could_not_read_is_a_failure() -> None:
    async with caller([gemini("MALFORMED_FUNCTION_CALL")], "gemini/gemini-flash-latest", max_retries=0) as one:
        error = await one.fails()
    assert error.code == "model_bad_response"


DONE = "data: [DONE]\n\n"
CHAT = ("openai/m", "hosted_vllm/m", "groq/m", "mistral/m", "xai/m", "openrouter/m", "fireworks_ai/m", "azure_ai/m")
WATSONX, RESPONSES = "watsonx/ibm/granite", "openai/gpt-5.6"
ABOUT = {"id": "c", "created": 1, "model": "m"}


def begun(model: str) -> str:
    """The events up to the first text, in the provider's format."""
    if model.startswith("anthropic/"):
        bodies, last = format_events.anthropic(*text(0, "Hello")), "content_block_delta"
    elif model == RESPONSES:
        bodies, last = responses(*said(0, "Hello")), "response.output_text.delta"
    elif model.startswith("gemini/"):
        return body_of(events({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}}]}))
    elif model.startswith("cohere_chat/"):
        return body_of(events(cohere_delta("content-delta", content={"text": "Hello"}), names=True))
    else:
        return body_of(events({**chunk({"role": "assistant", "content": "Hello"}), **ABOUT}))
    place = max(place for place, body in enumerate(bodies) if body["type"] == last)
    return body_of(sent(*bodies[: place + 1]))


def body_of(answer: Sent) -> str:
    return answer.encoded_body().decode()


WAYS = [
    *((model, True) for model in CHAT),
    *((model, True) for model in (WATSONX, RESPONSES, "anthropic/claude-sonnet-5")),
    *((model, True) for model in ("gemini/gemini-flash-latest", "cohere_chat/command-r")),
    ("openai/m", False),
    ("hosted_vllm/m", False),
]
READING = pytest.mark.parametrize(
    ("model", "direct"), WAYS, ids=[f"{model}, {'direct' if direct else 'wrapped'}" for model, direct in WAYS]
)


@asynccontextmanager
async def serving(model: str, direct: bool, body: str) -> AsyncIterator[Caller]:
    needed: dict[str, dict[str, Any]] = {
        RESPONSES: {"reasoning_effort": "low"},
        WATSONX: {"project_id": "project", "token": "token"},
    }
    extra = {model: needed.get(model, {})}
    async with caller([Sent(body)], model, max_retries=0, direct_streams=direct, extra=extra) as one:
        yield one


@READING
async def test_done_and_nothing_else_is_no_answer(model: str, direct: bool) -> None:
    async with serving(model, direct, DONE) as one:
        error = await one.fails(tools=True)
    assert (error.code, error.retryable) == ("model_no_answer", True)


@READING
async def test_a_text_with_done_and_no_reason_to_finish_is_whole(model: str, direct: bool) -> None:
    async with serving(model, direct, begun(model) + DONE) as one:
        reply, output = await one.call(tools=True)
        assert len(one.server.requests) == 1
    assert (output.all(), reply.finish_reason) == ("Hello", "stop")


@READING
async def test_a_text_with_neither_is_cut(model: str, direct: bool) -> None:
    async with serving(model, direct, begun(model)) as one:
        error = await one.fails(tools=True)
    assert error.code == "model_stream_cut"


@pytest.mark.parametrize(("model", "direct"), [("openai/m", True), ("openai/m", False), ("groq/m", True)])
async def test_a_call_with_done_and_no_reason_to_finish_is_a_call(model: str, direct: bool) -> None:
    function = {"name": "list", "arguments": json.dumps({"path": "a"})}
    call = {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": function}]}
    async with serving(model, direct, body_of(events({**chunk(call), **ABOUT})) + DONE) as one:
        reply, _ = await one.call(tools=True)
    assert ([one.arguments for one in reply.tool_calls], reply.finish_reason) == ([function["arguments"]], "tool_calls")
