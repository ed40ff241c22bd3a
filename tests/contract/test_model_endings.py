"""Model endings: the reasons to finish of providers with formats of their own, and what the caller gets of them."""

import pytest

from tests.support.models.raw_caller import caller
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
