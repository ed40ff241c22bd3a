"""Hub thread pools: run calls of the Hub's library in threads, within a time; a cancelled call is stopped."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from agent.hub.errors import HubError
from agent.hub.request import HubCall
from agent.util.executors import WorkExecutor
from agent.util.places import Holder, PlacesTaken

T = TypeVar("T")


class HubThreadPool:
    """Runs calls in the threads of `executor`, each for its holder."""

    def __init__(self, executor: WorkExecutor) -> None:
        self._executor = executor
        self._running: dict[asyncio.Future[Any], HubCall] = {}

    def __len__(self) -> int:
        """The number of threads that run a call."""
        return len(self._running)

    async def run(self, call: HubCall, work: Callable[[], T], timeout_s: float, holder: Holder) -> T:
        """Run `work` in a thread for at most `timeout_s`; its result.

        When it is cancelled or out of time it stops the call and returns at once. Raises what `work` raises, and HubError.
        """
        clock = asyncio.timeout(timeout_s)
        try:
            async with clock:
                return await asyncio.shield(await self.begin(call, work, holder))
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

    async def begin(self, call: HubCall, work: Callable[[], T], holder: Holder) -> "asyncio.Future[T]":
        """Start `work` in a thread as soon as this holder has one; its future. `call` is stopped when the pool closes.

        Raises HubError.
        """
        try:
            future = await self._executor.start(work, holder)
        except PlacesTaken as error:
            raise HubError(str(error)) from None
        self._running[future] = call
        future.add_done_callback(lambda _: self._running.pop(future, None))
        return future

    async def aclose(self) -> None:
        """Stop all calls and close their executor; a thread that hangs ends at its timeout."""
        for call in self._running.values():
            call.stop()
        await self._executor.aclose()


class HubThreads:
    """The threads of a server for the Hub: `ask` for short calls, `follow` for following logs."""

    def __init__(self, ask: WorkExecutor, follow: WorkExecutor) -> None:
        self.ask = HubThreadPool(ask)
        self.follow = HubThreadPool(follow)

    async def aclose(self) -> None:
        """Stop the calls of both."""
        await asyncio.gather(self.ask.aclose(), self.follow.aclose())
