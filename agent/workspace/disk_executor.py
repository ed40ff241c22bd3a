"""Disk executor: runs a session's disk work in threads, one piece at a time and in order."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DiskExecutor:
    """Runs blocking work in the loop's threads, at most one thread at a time.

    A caller that is cancelled returns at once. Its work sees the event that it was given and ends by itself; the next
    work waits for that end, so no caller sees work that is half done.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """Run `work(stop)` in a thread; its result. `stop` is set when the caller is cancelled."""
        stop = threading.Event()
        await self._lock.acquire()
        try:
            future = asyncio.get_running_loop().run_in_executor(None, work, stop)
        except BaseException:
            self._lock.release()
            raise
        future.add_done_callback(self._ended)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _ended(self, future: "asyncio.Future[T]") -> None:
        self._lock.release()
        if not future.cancelled():
            future.exception()  # marks it as read: its caller may have left

    async def aclose(self) -> None:
        """Wait until no work runs."""
        async with self._lock:
            pass
