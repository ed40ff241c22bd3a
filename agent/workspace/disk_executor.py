"""Disk executor: runs a session's disk work in threads, one piece at a time and in order."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from agent.util.executors import WorkExecutor
from agent.util.places import Holder

T = TypeVar("T")


class DiskExecutor:
    """Runs a session's blocking work in the threads of `executor`, where the session has the places of `holder`.

    `walks`: the threads for work that goes through all files of a workspace; `executor` if none are given.

    A caller that is cancelled returns at once. Its work sees the event that it was given and ends by itself; the next
    work waits for that end, so no caller sees work that is half done.
    """

    __slots__ = ("_executor", "_lock", "_walks", "holder")

    def __init__(self, executor: WorkExecutor, holder: Holder, walks: WorkExecutor | None = None) -> None:
        self.holder = holder
        self._executor = executor
        self._walks = executor if walks is None else walks
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[threading.Event], T], *, walks: bool = False) -> T:
        """Run `work(stop)` in a thread, after the work before it; its result. `stop` is set when the caller is cancelled.

        `walks`: it goes through all files. Raises PlacesTaken, and what `work` raises.
        """
        stop = threading.Event()
        await self._lock.acquire()
        try:
            executor = self._walks if walks else self._executor
            future = await executor.start(lambda: work(stop), self.holder)
        except BaseException:
            self._lock.release()
            raise
        future.add_done_callback(lambda _: self._lock.release())
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set()
            raise

    async def run_beside(self, work: Callable[[], T]) -> T:
        """Run short work that needs no order beside the other work. Raises PlacesTaken, and what it raises."""
        return await self._executor.run(work, self.holder)

    async def walk(self, work: Callable[[], T]) -> T:
        """As `run_beside`, for work that goes through all files, such as counting them."""
        return await self._walks.run(work, self.holder)

    async def aclose(self) -> None:
        """Wait until no work runs."""
        async with self._lock:
            pass
