"""Executors: blocking work has threads of its kind; work that hangs keeps its user's places and no others."""

import asyncio
import contextvars
import gc
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

from agent.util.executors import Executors, WorkExecutor
from agent.util.places import SERVER, Holder, PlaceLimits, PlacesTaken
from agent.util.tasks import TaskOwner

ANNA, BERT = Holder("anna", "a1"), Holder("bert", "b1")
LIMITS = PlaceLimits(total=4, per_user=2, per_session=2, wait_s=0)


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Work that hangs waits for it; set at the end, so that no thread stays."""
    released = threading.Event()
    yield released
    released.set()


@pytest.fixture
async def executor(hanging: threading.Event) -> AsyncIterator[WorkExecutor]:
    executor = WorkExecutor("test", "test work", LIMITS)
    yield executor
    hanging.set()
    await executor.aclose()


async def test_work_runs_in_named_threads_which_are_used_again(executor: WorkExecutor) -> None:
    names = [await executor.run(lambda: threading.current_thread().name, ANNA) for _ in range(5)]
    assert set(names) <= {"test_0", "test_1"}, "a thread may not be back at its place yet when its result is there"


async def test_no_more_threads_than_places_are_made(executor: WorkExecutor, hanging: threading.Event) -> None:
    for holder in (ANNA, ANNA, BERT, BERT):
        await executor.start(hanging.wait, holder)
    assert len(executor) == 4
    with pytest.raises(PlacesTaken, match=r"test work .* on this server"):
        await executor.run(int, SERVER)


async def test_work_that_hangs_keeps_its_users_places_and_not_those_of_others(
    executor: WorkExecutor, hanging: threading.Event
) -> None:
    for _ in range(2):
        await executor.start(hanging.wait, ANNA)
    with pytest.raises(PlacesTaken):
        await executor.run(int, ANNA)
    assert await executor.run(lambda: "done", BERT) == "done"


async def test_a_caller_that_is_cancelled_returns_at_once_and_its_work_keeps_its_place(
    executor: WorkExecutor, hanging: threading.Event
) -> None:
    tasks = TaskOwner("test")
    running = [tasks.start(executor.run(hanging.wait, ANNA), str(number)) for number in range(2)]
    await asyncio.sleep(0)
    await tasks.aclose()
    assert all(task.cancelled() for task in running)
    assert not executor.places.has_room(ANNA)
    hanging.set()
    while not executor.places.has_room(ANNA):
        await asyncio.sleep(0)


async def test_what_the_work_raises_reaches_its_caller_and_gives_the_place_back(executor: WorkExecutor) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await executor.run(lambda: 1 // 0, ANNA)
    assert len(executor) == 0


async def test_work_sees_the_context_of_its_caller(executor: WorkExecutor) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    name.set("anna")
    assert await executor.run(name.get, ANNA) == "anna"


async def test_an_idle_thread_keeps_nothing_of_its_last_work_alive(executor: WorkExecutor) -> None:
    class Large:
        pass

    large = Large()
    gone = weakref.ref(large)
    await executor.run(lambda kept=large: None, ANNA)  # type: ignore[misc]
    del large
    while gone() is not None:
        gc.collect()
        await asyncio.sleep(0)


async def test_a_closed_executor_takes_no_work(executor: WorkExecutor) -> None:
    await executor.aclose()
    with pytest.raises(RuntimeError, match="the executor test is closed"):
        await executor.run(int, ANNA)
    assert executor.places.has_room(ANNA)


def test_a_process_ends_while_work_hangs() -> None:
    program = """
import asyncio, threading
from agent.util import executors
from agent.util.places import SERVER

executors.CLOSE_S = 0.01

async def main():
    everything = executors.Executors()
    await everything.disk.start(threading.Event().wait, SERVER)
    await everything.aclose()

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


async def test_each_kind_of_work_has_threads_of_its_own(hanging: threading.Event) -> None:
    executors = Executors()
    for number in range(executors.names.places.limits.total):
        await executors.names.start(hanging.wait, Holder(f"user {number}"))
    for executor in executors.all():
        if executor is not executors.names:
            await executor.run(int, ANNA)
    hanging.set()
    await executors.aclose()


async def test_names_that_libraries_look_up_do_not_use_the_default_executor() -> None:
    executors, loop = Executors(), asyncio.get_running_loop()
    undo = executors.serve_library_names(loop)
    rows = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert rows == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio_")] == []
    undo()
    await executors.aclose()


async def test_a_name_whose_server_is_silent_keeps_two_threads_and_other_names_are_found(
    hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, *_: object) -> list[str]:
        if host == "silent.example":
            hanging.wait()
        return [host]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    executors, loop, tasks = Executors(), asyncio.get_running_loop(), TaskOwner("test")
    undo = executors.serve_library_names(loop)
    for number in range(20):
        tasks.start(loop.getaddrinfo("silent.example", 80), str(number))
    await asyncio.sleep(0)
    assert len(executors.library_names) == 2
    assert list[object](await loop.getaddrinfo("other.example", 80)) == ["other.example"]
    hanging.set()
    await tasks.aclose()
    undo()
    await executors.aclose()
