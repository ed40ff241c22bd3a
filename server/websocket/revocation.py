"""The body's door, from inside: sockets whose credentials ran out or were revoked are closed within seconds."""

import asyncio
import logging
import time
from collections.abc import Callable

from agent.util.tasks import TaskOwner
from protocol.codes import CLOSE_CREDENTIALS
from server.auth.authenticator import Ways
from server.auth.principal import Principal
from server.sessions.broadcaster import Ending
from server.websocket.registry import SocketRegistry

log = logging.getLogger("holdfast.auth")

LEAST_PAUSE_S = 0.01


class RevocationWatcher:
    """Looks at the credentials of all open sockets every `recheck_s`, and at the moment the next of them expires."""

    def __init__(
        self, ways: Ways, sockets: SocketRegistry, recheck_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._ways = ways
        self._sockets = sockets
        self._recheck_s = recheck_s
        self._clock = clock
        self._tasks = TaskOwner("credentials")
        self._judged: set[Principal] = set()

    def start(self) -> None:
        """Begin to look."""
        self._tasks.start(self._run(), "watch")

    async def aclose(self) -> None:
        """Look no more."""
        await self._tasks.aclose()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s())
            for principal in self._sockets.principals():
                if principal not in self._judged:
                    self._judged.add(principal)
                    self._tasks.start(self._judge(principal), principal.credential)

    async def _judge(self, principal: Principal) -> None:
        """A task each: an answer that is slow to come does not hold up the others'."""
        try:
            if await self._ways.still_good(principal):
                return
        finally:
            self._judged.discard(principal)
        over = principal.expires_at is not None and principal.expires_at <= self._clock()
        reason = "the credentials expired" if over else "the credentials were revoked"
        ended = self._sockets.end(principal, Ending(CLOSE_CREDENTIALS, f"{reason}; log in and come back"))
        log.info("%s: %s; %d sockets were closed", principal.credential, reason, ended)

    def _pause_s(self) -> float:
        now = self._clock()
        ends = [p.expires_at - now for p in self._sockets.principals() if p.expires_at is not None]
        return max(LEAST_PAUSE_S, min([self._recheck_s, *ends]))
