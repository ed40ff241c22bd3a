"""Fair starts: lets few requests begin in one step of the event loop, and those of different clients in turn."""

import asyncio
from collections import deque

from starlette.types import Scope

STARTS_A_STEP = 1
"""Requests that begin in one step: some 6 ms of work. A client that sends hundreds at once waits for itself, not others for it."""


class FairStarts:
    """The requests that wait to begin, by client. There is one at most for each connection, so their number is bounded."""

    def __init__(self, starts_a_step: int = STARTS_A_STEP) -> None:
        self._starts_a_step = starts_a_step
        self._started = 0
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self._ticking = False

    async def wait(self, scope: Scope) -> None:
        """Return when this request may begin: at once unless many do."""
        loop = asyncio.get_running_loop()
        if not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick)
        if self._started < self._starts_a_step and not self._queues:
            self._started += 1
            return
        turn = loop.create_future()
        self._queues.setdefault(client_of(scope), deque()).append(turn)
        await turn

    def _tick(self) -> None:
        """The next step: let the next requests begin, one of each client."""
        self._started = 0
        while self._queues and self._started < self._starts_a_step:
            client = next(iter(self._queues))
            queue = self._queues.pop(client)
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                self._started += 1
        self._ticking = bool(self._started)
        if self._ticking:
            asyncio.get_running_loop().call_soon(self._tick)


def client_of(scope: Scope) -> str:
    """Whose request this is, before anybody has checked it: the address and what it shows as credentials."""
    client = scope.get("client")
    shown = [value for name, value in scope["headers"] if name in (b"authorization", b"cookie")]
    return f"{client[0] if client else ''} {b' '.join(shown).decode('latin-1')}"
