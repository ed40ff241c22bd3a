"""Interrupted answers: what is left of a stream that breaks in its middle, and that a cancelled call closes its connection."""

import asyncio

import pytest

from agent.models import ModelError, ModelRequest
from agent.util.tasks import TaskOwner
from tests.support.backends import Sink
from tests.support.models.native_streams import GEMINI, OLLAMA, ollama
from tests.support.models.raw_caller import caller, chunk
from tests.support.models.raw_http import Sent, events


def text_of(sent: Sent) -> str:
    """The body of events."""
    assert isinstance(sent.body, str)
    return sent.body


BEGUN: dict[str, tuple[str, str]] = {
    "chat completions": ("xai/m", text_of(events(chunk({"content": "Half"}, id="c", created=1, model="m")))),
    "Gemini": (GEMINI, text_of(events({"candidates": [{"content": {"parts": [{"text": "Half"}]}, "index": 0}]}))),
    "Databricks": (
        "databricks/m",
        text_of(events(chunk({"role": "assistant", "content": "Half"}, id="c", created=1, model="m"))),
    ),
    "Ollama": (OLLAMA, text_of(ollama({"content": "Half"})).partition("\n")[0] + "\n"),
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
    "Ollama sends an error": (
        "Ollama",
        Sent('{"error":"the model runner stopped"}\n'),
        "model_bad_response",
        "runner stopped",
    ),
    "Ollama sends no JSON": ("Ollama", Sent('{"message\n'), "model_bad_response", "malformed data"),
    "Ollama sends other JSON": ("Ollama", Sent('{"status":"pulling"}\n'), "model_bad_response", "malformed data"),
    "Ollama ends without a reason": ("Ollama", Sent(""), "model_stream_cut", "without a finish reason"),
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
