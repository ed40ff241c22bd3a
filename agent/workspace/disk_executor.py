"""Disk work off the event loop: one piece at a time for each session, in order, and told when it is not wanted."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DiskExecutor:
    """Runs blocking work in the loop's threads, at most one thread at a time.

    A caller that is cancelled leaves at once. Its work is told by the event it was given and ends by itself; what comes
    next waits for that end, so nobody sees a piece of work half done.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """`work(stop)` in a thread; `stop` is set once nobody waits for the result any more."""
        stop = threading.Event()
        await self._turn.acquire()
        try:
            future = asyncio.get_running_loop().run_in_executor(None, work, stop)
        except BaseException:
            self._turn.release()
            raise
        future.add_done_callback(self._ended)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _ended(self, future: "asyncio.Future[T]") -> None:
        self._turn.release()
        if not future.cancelled():
            future.exception()  # a caller that left does not ask for it

    async def aclose(self) -> None:
        """Wait until no work is under way."""
        async with self._turn:
            pass
