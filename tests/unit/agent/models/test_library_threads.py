"""Library threads: tests of `agent.models.library_threads`: LiteLLM blocks none but the threads of model calls."""

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litellm.litellm_core_utils.logging_worker import LoggingWorker

from agent.models import ModelError, ModelRequest, Models, ModelSettings, library_threads
from agent.models.providers import ASYNC
from agent.util.executors import Executors
from agent.util.places import Holder
from agent.util.tasks import TaskOwner
from tests.faults.harness.task_names import names_of
from tests.support.models.scripted_model import ScriptedModel, text

HI: list[dict[str, object]] = [{"role": "user", "content": "hello"}]


class NoThreads(concurrent.futures.ThreadPoolExecutor):
    """A default executor that refuses all work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"{fn} in the default executor")


async def nothing(kind: str, text: str) -> None:
    """A sink."""


async def test_a_model_call_uses_no_thread_of_the_default_executor() -> None:
    asyncio.get_running_loop().set_default_executor(NoThreads())
    async with ScriptedModel([text("Hi."), text("Hi.")]) as model:
        models = Models(ModelSettings(api_base=model.api_base, api_key="k", max_retries=0))
        for name in ("openai/scripted", "hosted_vllm/scripted"):
            await models.call(ModelRequest(name, HI, []), nothing)
        await models.aclose()


@pytest.mark.timeout(120)
async def test_a_provider_that_is_called_asynchronously_keeps_no_thread_while_its_address_is_silent() -> None:
    connected: set[asyncio.StreamWriter] = set()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        executors = Executors()
        settings = ModelSettings(api_base=base, api_key="k", max_retries=0, first_token_timeout_s=6)
        models = Models(settings, executors=executors)
        requests = [ModelRequest(f"{name}/chat/agent/m", HI, [], holder=Holder(name)) for name in ASYNC]
        errors = await asyncio.gather(*(models.call(one, nothing) for one in requests), return_exceptions=True)
        assert all(isinstance(error, ModelError) for error in errors)
        assert len(connected) > 50
        assert len(executors.model_openings) == 0, "a thread still waits for an answer: this provider blocks"
        await models.aclose()
        await executors.aclose()
        for writer in connected:
            writer.close()


async def test_a_call_is_refused_where_all_of_its_users_places_are_taken() -> None:
    executors = Executors()
    settings = ModelSettings(api_base="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    models = Models(settings, executors=executors, named=["azure/x"])
    anna = Holder("anna")
    held = [executors.models.places.take_now(anna) for _ in range(executors.models.places.limits.per_user)]
    executors.models.places.limits = msgspec.structs.replace(executors.models.places.limits, wait_s=0.0)
    with pytest.raises(ModelError) as raised:
        await models.call(ModelRequest("azure/x", HI, [], holder=anna), nothing)
    assert raised.value.code == "model_unavailable" and "for this user" in raised.value.message
    with pytest.raises(ModelError) as raised:
        await models.call(ModelRequest("azure/x", HI, [], holder=Holder("bert")), nothing)
    assert "for this user" not in raised.value.message
    for give_back in held:
        give_back()
    await models.aclose()
    await executors.aclose()


async def test_a_name_without_a_provider_is_refused_if_its_provider_is() -> None:
    models = Models(ModelSettings(api_key="k", max_retries=0))
    with pytest.raises(ModelError) as raised:
        await models.call(ModelRequest("gpt-3.5-turbo-instruct", HI, []), nothing)
    assert "`text-completion-openai`" in raised.value.message
    await models.aclose()


async def test_a_coroutine_that_a_cancelled_call_leaves_behind_is_closed() -> None:
    executors, begun, go = Executors(), threading.Event(), threading.Event()
    left = nothing("text", "never read")

    def work() -> object:
        begun.set()
        go.wait(10)
        return left

    library_threads.call_threads.set(executors.models.of(Holder("anna")))
    running = library_threads._Loop(asyncio.get_running_loop()).run_in_executor(None, work)
    tasks = TaskOwner("test")
    call: asyncio.Task[Any] = tasks.start(running, "call")  # type: ignore[arg-type]  # it is a coroutine
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go.set()
    async with asyncio.timeout(10):
        while inspect.getcoroutinestate(left) != inspect.CORO_CLOSED:
            await asyncio.sleep(0)
    await executors.aclose()


async def test_one_task_of_its_logging_worker_is_no_leak_and_a_second_one_is() -> None:
    before = names_of(asyncio.all_tasks())
    workers = [LoggingWorker(), LoggingWorker()]
    found = []
    for worker in workers:
        worker.start()
        found.append(names_of(asyncio.all_tasks()))
    for worker in workers:
        await worker.stop()
    assert found == [before, sorted([*before, "LoggingWorker._worker_loop"])]
