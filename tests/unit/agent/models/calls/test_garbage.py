"""Garbage of model calls: there is none. What refers to itself would stay until a collection that stops the event loop."""

import asyncio
import contextlib
import gc
from collections.abc import Iterator

from agent.util.tasks import TaskOwner
from tests.support.backends import Backend, scripted
from tests.support.models.scripted_model import Answer, Hang, Request, Text, stream, text

OURS = ("agent.", "httpx.", "litellm.", "openai.")
"""Whose types are looked for: the scripted model is in this process too."""


def script(request: Request) -> Answer:
    return stream(Text("One "), Hang()) if request.messages[-1]["content"] == "slow" else text("Hello ", "there.")


@contextlib.contextmanager
def left() -> Iterator[list[str]]:
    """The names of the types of ours of what the block leaves and only a collection would free."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        names = [f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage]
        found += [name for name in names if name.startswith(OURS)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def cancelled(backend: Backend, tasks: TaskOwner) -> None:
    """A call that is cancelled in the middle of its answer."""
    backend.sink.first.clear()
    task = tasks.start(backend.models.call(backend.ask("slow"), backend.sink), "call")
    await backend.sink.first.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_whole_call_leaves_none(direct: str) -> None:
    async with scripted(direct, script) as backend:
        await backend.call()  # what the first one loads is no matter
        with left() as found:
            await backend.call()
        assert found == []


async def test_a_call_that_is_cancelled_leaves_none(direct: str) -> None:
    tasks = TaskOwner("test")
    async with scripted(direct, script) as backend:
        await cancelled(backend, tasks)
        with left() as found:
            await cancelled(backend, tasks)
            await asyncio.sleep(0)
        assert found == []
    await tasks.aclose()
