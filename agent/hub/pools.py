"""Hub thread pools: run blocking calls in a fixed number of threads; a cancelled caller does not wait for its thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from agent.hub.errors import HubError
from agent.hub.request import HubCall
from agent.hub.settings import HubSettings

T = TypeVar("T")

CLOSE_S = 2.0


REQUEST_THREADS = 16
"""Requests to the Hub at once, of all sessions; more wait their turn. The Hub limits the rate of one address anyway."""

FOLLOW_THREADS = 32
"""Jobs whose logs are followed at once, of all sessions, a thread each; more are refused."""


class HubThreadPool:
    """A fixed number of threads without a queue. `waits`: whether a caller waits on the loop while all threads are busy;
    if not, it is refused.
    """

    def __init__(self, name: str, size: int, *, waits: bool) -> None:
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._free = asyncio.Semaphore(size)
        self._waits = waits
        self._running: dict[asyncio.Future[Any], HubCall] = {}

    def __len__(self) -> int:
        """The number of threads that run a call."""
        return len(self._running)

    async def run(self, call: HubCall, work: Callable[[], T], timeout_s: float) -> T:
        """Run `work` in a thread for at most `timeout_s`; its result.

        When it is cancelled or out of time it stops the call and returns at once. Raises what `work` raises, and HubError.
        """
        clock = asyncio.timeout(timeout_s)
        try:
            async with clock:
                return await asyncio.shield(await self.begin(call, work))
        except asyncio.CancelledError:
            call.stop()
            raise
        except TimeoutError:
            if not clock.expired():
                raise
            call.stop()
            raise HubError(
                f"the Hub did not answer within {timeout_s:g} s; the request may still be carried out"
            ) from None

    async def begin(self, call: HubCall, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Start `work` in a thread as soon as one is free; its future. `call` is stopped when the pool closes. Raises HubError."""
        if self._free.locked() and not self._waits:
            raise HubError("too many jobs are followed at the moment: try again later, or ask without following")
        await self._free.acquire()
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except BaseException:
            self._free.release()
            raise
        self._running[future] = call
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: "asyncio.Future[T]") -> None:
        self._running.pop(future, None)
        self._free.release()
        if not future.cancelled():
            future.exception()  # marks it as read: its caller may have left

    async def aclose(self) -> None:
        """Stop all calls and wait up to `CLOSE_S` for their threads; a thread that hangs ends at its timeout."""
        for call in self._running.values():
            call.stop()
        if self._running:
            await asyncio.wait(list(self._running), timeout=CLOSE_S)
        self._threads.shutdown(wait=False, cancel_futures=True)


class HubThreads:
    """All threads of a server for the Hub: `ask` for short calls, `follow` for following logs."""

    def __init__(self, settings: HubSettings) -> None:
        self.ask = HubThreadPool("hub", REQUEST_THREADS, waits=True)
        self.follow = HubThreadPool("hub-follow", FOLLOW_THREADS, waits=False)

    async def aclose(self) -> None:
        """Close both pools."""
        await asyncio.gather(self.ask.aclose(), self.follow.aclose())
