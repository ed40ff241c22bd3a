"""Call turns: the calls of one user are made ready one after another, so that many at once leave the event loop to others.

LiteLLM and the providers' clients take some 10 ms of the processor to make a request, most of it in the event loop. The calls
of many sessions of a user would otherwise be made ready in the same steps of the loop.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

from agent.util.places import Holder, PlaceLimits, Places

AT_ONCE = 4
"""Calls of different users that are made ready at once."""

HOLD_S = 0.25
"""A call that is not ready after so many seconds waits for something else than the processor, and its turn ends."""

LIMITS = PlaceLimits(total=AT_ONCE, per_user=1, per_session=1, waiting_max=1_000, wait_s=30.0)

_end_of_turn: ContextVar[Callable[[], None] | None] = ContextVar("end_of_turn", default=None)
"""Ends the turn of the model call under way."""


class CallTurns:
    """Turns to make a call ready, each of `hold_s` seconds at most. One event loop uses it."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self.places = Places("making calls of models ready", LIMITS)

    @contextlib.asynccontextmanager
    async def take(self, holder: Holder) -> AsyncIterator[None]:
        """Wait for this holder's turn, and hold it until the block ends, `request_is_ready` is called, or the time is over.

        Raises PlacesTaken.
        """
        end = await self.places.take(holder)
        timer = asyncio.get_running_loop().call_later(self._hold_s, end)
        _end_of_turn.set(end)
        try:
            yield
        finally:
            timer.cancel()
            end()


def request_is_ready() -> None:
    """The request of the call under way is made, and goes out: the next call's turn begins."""
    if (end := _end_of_turn.get()) is not None:
        end()
