"""The threads in which the Hub is asked: so many for a server, owned, and left at once by who is cancelled."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from agent.hub.errors import HubError
from agent.hub.request import HubCall
from agent.hub.settings import HubSettings

T = TypeVar("T")

CLOSE_S = 2.0


class HubThreadPool:
    """So many threads, and no queue behind them: who comes when all are busy waits on the loop.

    `waits`: if not, who comes then is refused.
    """

    def __init__(self, name: str, size: int, *, waits: bool) -> None:
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._free = asyncio.Semaphore(size)
        self._waits = waits
        self._running: dict[asyncio.Future[Any], HubCall] = {}

    def __len__(self) -> int:
        """How many threads are at work."""
        return len(self._running)

    async def run(self, call: HubCall, work: Callable[[], T], timeout_s: float) -> T:
        """`work` in a thread, for `timeout_s` at most. Cancelled or out of time, the call is stopped and left at once.

        Raises what `work` raises, and HubError.
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
                f"the Hub did not answer within {timeout_s:g} s; what was asked for may be done yet"
            ) from None

    async def begin(self, call: HubCall, work: Callable[[], T]) -> "asyncio.Future[T]":
        """`work` in a thread, as soon as one is free; `call` is stopped when the pool closes. Raises HubError."""
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
            future.exception()  # a caller that left does not ask for it

    async def aclose(self) -> None:
        """Stop all calls and wait a moment for their threads; one that hangs ends at its timeout."""
        for call in self._running.values():
            call.stop()
        if self._running:
            await asyncio.wait(list(self._running), timeout=CLOSE_S)
        self._threads.shutdown(wait=False, cancel_futures=True)


class HubThreads:
    """All threads of a server that speak to the Hub: `ask` for questions, `follow` for those who follow logs."""

    def __init__(self, settings: HubSettings) -> None:
        self.ask = HubThreadPool("hub", settings.threads, waits=True)
        self.follow = HubThreadPool("hub-follow", settings.follow_threads, waits=False)

    async def aclose(self) -> None:
        """End them all."""
        await asyncio.gather(self.ask.aclose(), self.follow.aclose())
