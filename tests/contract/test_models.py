"""Model contract: every kind of model call over a scripted server, read in both ways, and the demo."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.models import ModelError, Models, ModelSettings
from agent.util.tasks import TaskOwner
from tests.support.backends import SCRIPTED, Backend, Sink, scripted
from tests.support.constants import built_in
from tests.support.models.scripted_model import (
    Answer,
    Call,
    ErrorChunk,
    Finish,
    Hang,
    Reason,
    Request,
    Text,
    Usage,
    calls,
    stream,
    text,
)

BACKENDS = (*SCRIPTED, "demo")


def tool(name: str, *properties: str) -> dict[str, object]:
    schema = {"type": "object", "properties": {one: {} for one in properties}}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


TOOLS = [
    tool("write", "path", "content"),
    tool("list", "path"),
    tool("plan", "items"),
    tool("read", "path"),
]


def script(request: Request) -> Answer:
    """The demo model's words, in a script."""
    if request.messages[-1]["role"] == "tool":
        return text("It says: ", str(request.messages[-1]["content"]))
    match request.last_user_text:
        case "write":
            return calls(Call("write", {"path": "a.txt", "content": "x"}), before="I write.")
        case "both":
            return calls(Call("list", {"path": "."}, id="a"), Call("write", {"path": "b"}, id="b"))
        case "think":
            return stream(Reason("Hm, "), Reason("well. "), Text("Thought"), Text(" so."), Finish(), Usage())
        case "error":
            return stream(Text("Here it comes:"), ErrorChunk())
        case "slow":
            return stream(Text("One "), Hang())
        case _:
            return text("Hello ", "there, ", "friend.")


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[Backend]:
    if name != "demo":
        async with scripted(name, script) as backend:
            yield backend
        return
    built_in("model.calls", {"demo_token_ms": 1.0})
    models = Models(ModelSettings())
    try:
        yield Backend(models, "demo", None)
    finally:
        await models.aclose()


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with opened(request.param) as one:
        yield one


async def test_text_reaches_the_sink_in_order_and_the_reply_says_how_it_ended(backend: Backend) -> None:
    reply = await backend.call("hello", tools=TOOLS)
    sink = backend.sink
    assert sink.all().startswith("Hello")
    assert {kind for kind, _ in sink.deltas} == {"text"}
    assert reply.finish_reason == "stop"
    assert reply.tool_calls == ()


async def test_usage_is_reported(backend: Backend) -> None:
    reply = await backend.call("hello", tools=TOOLS)
    assert reply.usage is not None
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.usage.cost_usd == (0.0 if backend.model == "demo" else None)


async def test_reasoning_and_text_have_kinds_of_their_own(backend: Backend) -> None:
    await backend.call("think", tools=TOOLS)
    sink = backend.sink
    kinds = [kind for kind, _ in sink.deltas]
    assert kinds == sorted(kinds), "reasoning comes first"
    assert sink.all("reasoning")
    assert "hought" in sink.all()


async def test_a_tool_call_is_delivered_whole_with_json_arguments(backend: Backend) -> None:
    reply = await backend.call("write", tools=TOOLS)
    sink = backend.sink
    assert sink.all()
    assert reply.finish_reason == "tool_calls"
    (call,) = reply.tool_calls
    assert call.id
    assert call.name == "write"
    assert set(json.loads(call.arguments)) == {"path", "content"}


async def test_two_tool_calls_of_one_message_are_in_order_with_their_own_ids(backend: Backend) -> None:
    reply = await backend.call("both", tools=TOOLS)
    assert [call.name for call in reply.tool_calls] == ["list", "write"]
    assert len({call.id for call in reply.tool_calls}) == 2


async def test_the_result_of_a_tool_reaches_the_model(backend: Backend) -> None:
    reply = await backend.call("write", tools=TOOLS)
    (call,) = reply.tool_calls
    function = {"name": call.name, "arguments": call.arguments}
    assistant: dict[str, object] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call.id, "type": "function", "function": function}],
    }
    answered = {"role": "tool", "tool_call_id": call.id, "content": "wrote 1 line"}
    reply = await backend.call("write", assistant, answered, tools=TOOLS)
    sink = backend.sink
    assert "wrote 1 line" in sink.all()
    assert reply.finish_reason == "stop"


async def test_a_model_failure_names_the_model_and_keeps_the_text_so_far(backend: Backend) -> None:
    sink = Sink()
    with pytest.raises(ModelError) as raised:
        await backend.models.call(backend.ask("error"), sink)
    assert raised.value.code == "model_bad_response"
    assert backend.model in raised.value.message
    assert raised.value.retryable
    assert sink.all() == "Here it comes:"


async def test_a_cancelled_call_ends_and_closes_its_stream(backend: Backend, tasks: TaskOwner) -> None:
    sink = Sink()
    call = tasks.start(backend.models.call(backend.ask("slow"), sink), "call")
    async with asyncio.timeout(30):
        await sink.first.wait()
    call.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await call
        if backend.scripted is not None:
            await backend.server.requests[0].left.wait()


async def test_an_exception_of_the_sink_is_raised_and_closes_the_stream(backend: Backend) -> None:
    async def full(kind: str, piece: str) -> None:
        raise LookupError("no room")

    with pytest.raises(LookupError, match="no room"):
        await backend.models.call(backend.ask("slow"), full)
    if backend.scripted is not None:
        async with asyncio.timeout(30):
            await backend.server.requests[0].left.wait()


async def test_a_slow_sink_slows_the_stream(backend: Backend, tasks: TaskOwner) -> None:
    open_, pieces = asyncio.Event(), []

    async def slow(kind: str, piece: str) -> None:
        pieces.append(piece)
        await open_.wait()

    call = tasks.start(backend.models.call(backend.ask("think"), slow), "call")
    async with asyncio.timeout(30):
        while not pieces:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(pieces) == 1
        open_.set()
        await call
    assert len(pieces) > 1


async def test_calls_run_side_by_side(backend: Backend) -> None:
    sinks = [Sink() for _ in range(10)]
    await asyncio.gather(*(backend.models.call(backend.ask("hello"), sink) for sink in sinks))
    assert len({sink.all() for sink in sinks}) == 1


async def test_the_request_is_not_modified(backend: Backend) -> None:
    request = backend.ask({"role": "system", "content": "Be kind."}, "write", tools=TOOLS)
    before = json.dumps([request.messages, request.tools])
    await backend.models.call(request, backend.sink)
    assert json.dumps([request.messages, request.tools]) == before


async def test_model_info_is_available_before_and_after_loading(backend: Backend) -> None:
    before = backend.models.info(backend.model)
    await backend.models.load()
    after = backend.models.info(backend.model)
    assert before.demo == after.demo == (backend.model == "demo")
    assert before.context_limit == after.context_limit == ModelSettings().default_context_limit
