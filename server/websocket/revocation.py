"""Revocation watcher: closes open websockets within seconds after their credentials expired or were revoked."""

import asyncio
import logging
import time
from collections.abc import Callable

from agent.util.tasks import TaskOwner
from protocol.codes import CLOSE_CREDENTIALS, CloseReason
from server.auth.authenticator import Authenticator
from server.auth.principal import Principal
from server.websocket.registry import SocketRegistry

log = logging.getLogger("holdfast.auth")

PAUSE_MIN_S = 0.01

RECHECK_S = 2.0
"""How often the credentials of open sockets are checked again: a revoked one ends within seconds, at little cost."""


class RevocationWatcher:
    """Checks the credentials of all open sockets every `RECHECK_S` seconds, and when the next of them expires."""

    def __init__(
        self,
        authenticator: Authenticator,
        sockets: SocketRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._authenticator = authenticator
        self._sockets = sockets
        self._clock = clock
        self._tasks = TaskOwner("credentials")
        self._checking: set[Principal] = set()

    def start(self) -> None:
        """Begin to check."""
        self._tasks.start(self._run(), "watch")

    async def aclose(self) -> None:
        """Stop checking."""
        await self._tasks.aclose()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s())
            for principal in self._sockets.principals():
                if principal not in self._checking:
                    self._checking.add(principal)
                    self._tasks.start(self._revalidate(principal), principal.credential)

    async def _revalidate(self, principal: Principal) -> None:
        """Close the sockets of these credentials if they are not valid any more. One task each: a slow check delays no other."""
        try:
            if await self._authenticator.is_valid(principal):
                return
        finally:
            self._checking.discard(principal)
        expired = principal.expires_at is not None and principal.expires_at <= self._clock()
        text = "the credentials expired" if expired else "the credentials were revoked"
        closed = self._sockets.close(principal, CloseReason(CLOSE_CREDENTIALS, f"{text}; log in and come back"))
        log.info("%s: %s; %d sockets were closed", principal.credential, text, closed)

    def _pause_s(self) -> float:
        now = self._clock()
        expiring = [p.expires_at - now for p in self._sockets.principals() if p.expires_at is not None]
        return max(PAUSE_MIN_S, min([RECHECK_S, *expiring]))
