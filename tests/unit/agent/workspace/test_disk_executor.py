"""Disk executor: work runs outside of the event loop, one piece at a time, and is never half done for the next one."""

import asyncio
import gc
import threading

import pytest

from agent.util.executors import Executors
from agent.util.places import Holder
from agent.util.tasks import TaskOwner
from agent.workspace.disk_executor import DiskExecutor
from tests.support.executors import disk as disk_executor


async def test_the_loop_goes_on_while_the_disk_works(tasks: TaskOwner) -> None:
    disk, release = disk_executor(), threading.Event()
    work = tasks.start(disk.run(lambda _: release.wait(10)), "work")
    await asyncio.sleep(0)
    release.set()
    assert await work


async def test_an_exception_of_the_work_reaches_its_caller() -> None:
    def fail(_: threading.Event) -> None:
        raise OSError("no")

    disk = disk_executor()
    with pytest.raises(OSError, match="no"):
        await disk.run(fail)
    assert await disk.run(lambda _: 1) == 1


async def test_a_cancelled_caller_leaves_at_once_and_the_next_waits_for_the_end(tasks: TaskOwner) -> None:
    disk = disk_executor()
    begun, release = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(stop: threading.Event) -> None:
        begun.set()
        release.wait(10)
        order.append("stopped" if stop.is_set() else "went on")

    def quick(_: threading.Event) -> None:
        order.append("next")

    first = tasks.start(disk.run(slow), "first")
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = tasks.start(disk.run(quick), "second")
    closed = tasks.start(disk.aclose(), "close")
    await asyncio.sleep(0)
    assert order == []
    release.set()
    await asyncio.wait_for(asyncio.gather(second, closed), 10)
    assert order == ["stopped", "next"]


async def test_work_cancelled_while_it_waits_is_never_begun(tasks: TaskOwner) -> None:
    disk = disk_executor()
    begun, release = threading.Event(), threading.Event()
    ran: list[int] = []

    def hold(_: threading.Event) -> None:
        begun.set()
        release.wait(10)

    holding = tasks.start(disk.run(hold), "hold")
    await asyncio.to_thread(begun.wait, 10)
    waiting = tasks.start(disk.run(lambda _: ran.append(1)), "wait")
    await asyncio.sleep(0)
    waiting.cancel()
    release.set()
    await holding
    await asyncio.wait_for(disk.aclose(), 10)
    assert ran == []


async def test_the_result_of_abandoned_work_is_no_error(tasks: TaskOwner) -> None:
    """It is told to stop, and says that it did: the loop must not log that as an exception that nobody took."""
    disk, begun, contexts = disk_executor(), threading.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))

    def stopped(stop: threading.Event) -> None:
        begun.set()
        stop.wait(10)
        raise OSError("stopped")

    work = tasks.start(disk.run(stopped), "work")
    await asyncio.to_thread(begun.wait, 10)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await asyncio.wait_for(disk.aclose(), 10)
    gc.collect()
    assert contexts == []


async def test_work_that_goes_through_all_files_has_threads_of_its_own() -> None:
    executors = Executors()
    disk = DiskExecutor(executors.disk, Holder("ann", "s"), executors.walks)

    def thread(_: threading.Event | None = None) -> str:
        return threading.current_thread().name.rpartition("_")[0]

    assert (await disk.run(thread), await disk.run_beside(thread)) == ("disk", "disk")
    assert (await disk.run(thread, walks=True), await disk.walk(thread)) == ("walks", "walks")
    await executors.aclose()
