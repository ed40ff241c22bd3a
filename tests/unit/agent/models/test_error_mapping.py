"""Refused calls: the error they become, its message, and which calls are retried."""

import socket
import time

import pytest

from agent.models import ModelError, ModelRequest, Models, ModelSettings
from tests.support.backends import API_KEY, Sink, scripted
from tests.support.constants import built_in
from tests.support.models.scripted_model import Refusal, text

REFUSALS = [
    (Refusal(400, "no such parameter"), "model_bad_request", False),
    (Refusal(401, "bad key"), "model_auth", False),
    (Refusal(402, "pay first"), "model_payment", False),
    (Refusal(403, "not for you"), "model_auth", False),
    (Refusal(404, "no such model"), "model_bad_request", False),
    (Refusal(408, "too slow"), "model_timeout", True),
    (Refusal(413, "too large"), "model_context_exceeded", False),
    (Refusal(429, "slow down"), "model_rate_limited", True),
    (Refusal(429, "You exceeded your current quota", code="insufficient_quota"), "model_payment", False),
    (Refusal(500, "oops"), "model_unavailable", True),
    (Refusal(503, "later"), "model_unavailable", True),
    (Refusal(529, "overloaded"), "model_overloaded", True),
    (Refusal(400, "This model's maximum context length is 10 tokens"), "model_context_exceeded", False),
    (Refusal(400, "prompt is too long: 9 tokens > 8"), "model_context_exceeded", False),
]


@pytest.mark.parametrize(
    ("refusal", "code", "retryable"), REFUSALS, ids=lambda value: str(getattr(value, "status", value))
)
async def test_a_refusal_becomes_the_error_of_its_kind(way: str, refusal: Refusal, code: str, retryable: bool) -> None:
    async with scripted(way, [refusal], max_retries=0) as backend:
        error = await backend.fails()
    assert (error.code, error.retryable) == (code, retryable)
    assert backend.model in error.message
    assert f"HTTP {refusal.status}" in error.message
    assert refusal.message in error.message


async def test_a_transient_failure_is_retried_until_it_works(way: str) -> None:
    async with scripted(way, [Refusal(500), Refusal(503), Refusal(429), text("Here.")]) as backend:
        await backend.call()
        assert len(backend.requests) == 4
    assert backend.sink.all() == "Here."


async def test_tries_are_bounded(way: str) -> None:
    async with scripted(way, lambda request: Refusal(500), max_retries=2) as backend:
        error = await backend.fails()
        assert len(backend.requests) == 3
    assert error.code == "model_unavailable"


@pytest.mark.parametrize("status", [400, 401, 402, 404])
async def test_a_permanent_failure_is_not_retried(way: str, status: int) -> None:
    async with scripted(way, lambda request: Refusal(status)) as backend:
        await backend.fails()
        assert len(backend.requests) == 1


async def test_a_retry_after_is_waited_out(way: str) -> None:
    async with scripted(way, [Refusal(429, retry_after=0.3), text("Here.")]) as backend:
        await backend.call()
        first, second = backend.requests
    assert second.at - first.at >= 0.3


async def test_retry_after_beyond_the_limit_fails_the_call(way: str) -> None:
    async with scripted(way, lambda request: Refusal(429, retry_after=120), retry_after_max_s=1) as backend:
        error = await backend.fails()
        assert len(backend.requests) == 1
    assert error.code == "model_rate_limited"
    assert error.retry_after == 120


async def test_a_missing_key_names_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    models = Models(ModelSettings())
    with pytest.raises(ModelError) as raised:
        await models.call(ModelRequest("openai/gpt-5.6", [{"role": "user", "content": "hi"}], []), Sink())
    await models.aclose()
    assert raised.value.code == "model_auth"
    assert "OPENAI_API_KEY" in raised.value.message


async def test_a_model_name_without_a_provider_is_refused_with_an_example() -> None:
    models = Models(ModelSettings())
    with pytest.raises(ModelError, match="PROVIDER/MODEL") as raised:
        await models.call(ModelRequest("nonsense", [{"role": "user", "content": "hi"}], []), Sink())
    await models.aclose()
    assert raised.value.code == "model_bad_request"


async def test_the_key_is_in_no_message_and_no_log(way: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    message = f"Incorrect API key provided: {API_KEY}"
    async with scripted(way, [Refusal(500, message), Refusal(401, message)]) as backend:
        error = await backend.fails()
        assert backend.requests[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert "Incorrect API key" in error.message
    assert API_KEY not in error.message
    assert API_KEY not in caplog.text


async def test_unreachable_address_is_model_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        for provider in ("openai", "hosted_vllm"):
            built_in("model.calls", {"backoff_initial_s": 0.001})
            models = Models(ModelSettings(api_base=base, api_key=API_KEY, max_retries=1))
            request = ModelRequest(f"{provider}/scripted", [{"role": "user", "content": "hi"}], [])
            begin = time.monotonic()
            with pytest.raises(ModelError) as raised:
                await models.call(request, Sink())
            await models.aclose()
            assert raised.value.code == "model_unavailable"
            assert raised.value.retryable
            assert time.monotonic() - begin < 5
