"""Recovery: activates sessions that had work under way when their server was lost, so that they end it and take what waits."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from agent.util.backoff import Backoff
from server.journal.base import Journal, JournalError, Unavailable
from server.journal.nodes.base import Nodes, OwnedElsewhere
from server.journal.nodes.counts import NodeCounts
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound

log = logging.getLogger("holdfast.awake")

RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S = 0.5, 10.0
"""Pauses before sessions are tried again that could not be recovered: no capacity, or the journal failed."""

LOOK_S = 0.25
"""Time between two looks for sessions of lost nodes."""

TAKEN_MAX = 100
"""Sessions that one look finds."""


class Waker(Protocol):
    """Wakes sessions: `server.sessions.registry.SessionRegistry`."""

    draining: bool

    def activated(self, session_id: str, user_id: str | None = None) -> AbstractAsyncContextManager[object]:
        """The session's actor, which is started if the session slept."""


class Recovery:
    """Recovers sessions: all at the start of a server that is alone, those of lost nodes where there are several."""

    def __init__(self, waker: Waker, journal: Journal, nodes: Nodes | None) -> None:
        self._waker = waker
        self._journal = journal
        self._nodes = nodes

    async def run(self) -> None:
        """Recover until there is nothing more, or, with several nodes, for as long as the server runs."""
        if self._nodes is None:
            await self.recover_all()
        else:
            await self._watch(self._nodes)

    async def recover_all(self) -> None:
        """Activate the sessions that had work under way: the actor ends the turn with an error and takes what waits.

        One that cannot be activated does not delay the others; it is tried again, less and less often.
        """
        left: list[str] | None = None
        backoff = Backoff(RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S)
        while not self._waker.draining:
            pause_s = backoff.next_s()
            try:
                left = await self._journal.unfinished() if left is None else left
                left = [session_id for session_id in left if not await self._recovered(session_id)]
            except Unavailable as error:
                log.warning("unfinished sessions cannot be listed; tried again in %.1f s: %s", pause_s, error)
            if left is not None and not left:
                return
            await asyncio.sleep(pause_s)

    async def _watch(self, nodes: Nodes) -> None:
        backoff = Backoff(RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S)
        while not self._waker.draining:
            pause_s = LOOK_S
            try:
                if nodes.is_good:
                    orphans = await nodes.orphans(TAKEN_MAX)
                    left = [one for one in orphans if not await self._recovered(one, nodes.counts)]
                    if left:
                        pause_s = backoff.next_s()
                    else:
                        backoff = Backoff(RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S)
            except JournalError as error:
                pause_s = backoff.next_s()
                log.warning("sessions of lost servers cannot be listed; tried again in %.1f s: %s", pause_s, error)
            await asyncio.sleep(pause_s)

    async def _recovered(self, session_id: str, counts: NodeCounts | None = None) -> bool:
        """Activate an unfinished session. False if it must be tried again. `counts`: where a session of a lost node is counted."""
        try:
            async with self._waker.activated(session_id):
                log.info("session %s: recovered", session_id)
                if counts is not None:
                    counts.takeovers += 1
        except SessionCapacityError:
            return False
        except Unavailable as error:
            log.warning("session %s cannot be recovered; trying again: %s", session_id, error)
            return False
        except (SessionNotFound, GoingAway, OwnedElsewhere):
            return True
        return True
