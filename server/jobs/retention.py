"""Retention: deletes sessions that were not used for as long as the settings say."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from agent.util.tasks import TaskOwner
from server.journal.base import JournalError
from server.sessions.errors import SessionNotFound
from server.sessions.manager import SessionManager
from server.util.clock import rfc3339

log = logging.getLogger("holdfast.retention")

AT_ONCE = 100
"""Sessions deleted in one step; the next step follows at once if there are more."""
DAY_S = 86_400.0


class Retention:
    """Deletes old sessions, every `every_s`. `after_days` 0: no session with messages is deleted. `empty_after_s` 0: none without."""

    def __init__(
        self, manager: SessionManager, *, after_days: float, empty_after_s: float, every_s: float = 600.0
    ) -> None:
        self._manager = manager
        self._after_s = after_days * DAY_S
        self._empty_after_s = empty_after_s
        self._every_s = every_s
        self._tasks = TaskOwner("retention")

    def start(self) -> None:
        """Start the task, if the settings ask for deletions."""
        if self._after_s or self._empty_after_s:
            self._tasks.start(self._run(), "sweep")

    async def aclose(self) -> None:
        """Stop."""
        await self._tasks.aclose()

    async def sweep(self, now: datetime) -> int:
        """Delete one batch; returns the number deleted. A session that is awake with sockets or work is left alone. Raises `JournalError`."""
        deleted = 0
        for session_id in await self._manager.journal.stale(
            self._before(now, self._after_s), self._before(now, self._empty_after_s), AT_ONCE
        ):
            actor = self._manager.registry.get(session_id)
            if actor is not None and not actor.may_sleep:
                continue
            try:
                await self._manager.delete_session(session_id)
            except SessionNotFound:
                continue
            deleted += 1
        if deleted:
            log.info("retention deleted %d sessions", deleted)
        return deleted

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.sweep(datetime.now(UTC))
            except JournalError as error:
                log.warning("old sessions could not be deleted; it is tried again: %s", error)
                deleted = 0
            await asyncio.sleep(0 if deleted == AT_ONCE else self._every_s)

    def _before(self, now: datetime, after_s: float) -> str:
        """The time before which a session counts as old. Empty if it never does: no time sorts before an empty string."""
        return rfc3339(now - timedelta(seconds=after_s)) if after_s else ""
