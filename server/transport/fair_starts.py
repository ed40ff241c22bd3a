"""Fair starts: lets few requests begin in one step of the event loop, and those of different clients in turn.

A client is a network until its credentials were checked: what a request only shows, an attacker makes up anew for each.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable

from starlette.types import Scope

from server.util.lru_map import LruMap
from server.util.rate_limit import network_of

EXTENSION = "holdfast.fair_starts"
"""Key of the server's `FairStarts` in the ASGI scope's extensions."""

STARTS_A_STEP = 1
"""Requests that begin in one step: some 6 ms of work. A client that sends hundreds at once waits for itself, not others for it."""

USERS_MAX = 4_096
"""Checked credentials whose user is remembered, those used last."""


class Turns:
    """Work that waits for its turn, by client: `a_step` of it is done in one step of the event loop."""

    def __init__(self, a_step: int) -> None:
        self._a_step = a_step
        self._done = 0
        self._queues: dict[str, deque[Callable[[], bool]]] = {}
        self._ticking = False

    def take(self, client: str, work: Callable[[], bool]) -> bool:
        """Whether the client's work may be done now; else `work` is called when it may. It returns whether it did anything."""
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_soon(self._tick)
        if self._done < self._a_step and not self._queues:
            self._done += 1
            return True
        self._queues.setdefault(client, deque()).append(work)
        return False

    def _tick(self) -> None:
        """The next step: some of the work that waits, one piece of each client."""
        self._done = 0
        while self._queues and self._done < self._a_step:
            client = next(iter(self._queues))
            queue = self._queues.pop(client)
            work = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind the others
            self._done += work()
        self._ticking = bool(self._done)
        if self._ticking:
            asyncio.get_running_loop().call_soon(self._tick)


class FairStarts:
    """The requests that wait to begin, by client. There is one at most for each connection, so their number is bounded."""

    def __init__(self, starts_a_step: int = STARTS_A_STEP) -> None:
        self._turns = Turns(starts_a_step)
        self._users: LruMap[bytes, str] = LruMap(USERS_MAX)

    async def wait(self, scope: Scope) -> None:
        """Return when this request may begin: at once unless many do."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begin() -> bool:
            if turn.done():
                return False
            turn.set_result(None)
            return True

        if not self._turns.take(self._client_of(scope), begin):
            await turn

    def checked(self, scope: Scope, user: str) -> None:
        """The credentials that this request shows are those of `user`."""
        if shown := _shown(scope):
            self._users[shown] = user

    def _client_of(self, scope: Scope) -> str:
        """Whose request this is: a user by credentials that were checked before, else whoever is in its network."""
        user = self._users.get(_shown(scope)) if self._users else None
        if user is not None:
            return f"user {user}"
        client = scope.get("client")
        return f"network {network_of(client[0]) if client else ''}"


def note_checked(scope: Scope, user: str) -> None:
    """The credentials of this request were checked: from now on its user has turns of their own."""
    starts: FairStarts | None = scope.get("extensions", {}).get(EXTENSION)
    if starts is not None:
        starts.checked(scope, user)


def _shown(scope: Scope) -> bytes:
    """A digest of what the request shows as credentials; empty if it shows none."""
    shown = [value for name, value in scope["headers"] if name in (b"authorization", b"cookie")]
    return hashlib.blake2b(b"\0".join(shown), digest_size=16).digest() if shown else b""
