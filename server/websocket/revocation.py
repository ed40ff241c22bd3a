"""Revocation watcher: closes open websockets within seconds after their credentials expired or were revoked."""

import asyncio
import logging
import time
from collections.abc import Callable

from agent.util.tasks import TaskOwner
from protocol.codes import CLOSE_CREDENTIALS, CloseReason
from server.auth.authenticator import Authenticator
from server.auth.principal import Principal
from server.journal.base import JournalError
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
        self._look = asyncio.Event()
        self._reread = asyncio.Event()

    def start(self) -> None:
        """Begin to check."""
        self._tasks.start(self._run(), "watch")
        self._tasks.start(self._read(), "read")

    def reread_soon(self) -> None:
        """Look at once at the credentials in the database: some were removed."""
        self._reread.set()

    async def aclose(self) -> None:
        """Stop checking."""
        await self._tasks.aclose()

    async def _run(self) -> None:
        while True:
            await _until(self._look, self._pause_s())
            for principal in self._sockets.principals():
                if principal not in self._checking:
                    self._checking.add(principal)
                    self._tasks.start(self._revalidate(principal), principal.credential)

    async def _read(self) -> None:
        """Look at the credentials in the database, apart from the checks: an answer that does not come delays none."""
        failing = False
        while True:
            await _until(self._reread, RECHECK_S)
            try:
                changed = await self._authenticator.reread()
            except JournalError as error:
                if not failing:
                    log.warning("credentials in the database stay as they were seen: %s", error)
                failing = True
                continue
            failing = False
            if changed:
                self._look.set()

    async def _revalidate(self, principal: Principal) -> None:
        """Close the sockets of these credentials if they are not valid any more. One task each: a slow check delays no other."""
        try:
            if await self._authenticator.is_valid(principal):
                return
        except JournalError as error:
            log.info("%s: whether it is still valid is looked up again: %s", principal.credential, error)
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


async def _until(event: asyncio.Event, wait_s: float) -> None:
    """Wait for the event, which is then over, for so long at most."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
