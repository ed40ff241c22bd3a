"""Retention: deletes sessions that were not used for as long as the settings say, and ends the tombstones of deleted ones."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from agent.util.tasks import TaskOwner
from server.journal.base import JournalError
from server.sessions.errors import SessionNotFound
from server.sessions.manager import SessionManager
from server.sessions.nodes.followed import TOLD_EACH_S
from server.sessions.nodes.ownership import Moment
from server.util.clock import rfc3339

log = logging.getLogger("holdfast.retention")

AT_ONCE = 100
"""Sessions deleted in one step; the next step follows at once if there are more."""
READ_AT_ONCE = 1_000
"""Sessions that one look finds, of each kind: some of them have sockets, and stay."""
DAY_S = 86_400.0

EMPTY_S = 1_800.0
"""Sessions in which nothing was ever said, without a title and files, and not listed apart, are deleted so long after their last socket: nobody misses one, and
each page and editor that is opened may make one. A machine that sleeps for a moment finds its own again."""

SETTLED_S = EMPTY_S + 2 * TOLD_EACH_S
"""How long one of several servers has been the first before it deletes a session. The one before may have told nobody of its sockets, as older versions did: by then
their clients have come back elsewhere, or have been away for as long as an empty session waits for them."""

TOMBSTONE_DAYS = 30.0
"""How long a deleted session is remembered. A client that comes back or sends again until then learns that the session was
deleted; later, that there is no such session. It stops in both cases, and ids are never given twice: they are random."""
TOMBSTONES_AT_ONCE = 500
"""Tombstones removed in one step of the journal's writer: some milliseconds."""


class Retention:
    """Deletes old sessions, every `every_s`. `after_days` 0: no session with messages is deleted. `empty_after_s`, of those in which nothing is: 0: none."""

    def __init__(
        self, manager: SessionManager, *, after_days: float, empty_after_s: float = EMPTY_S, every_s: float = 600.0
    ) -> None:
        self._manager = manager
        self._after_s = after_days * DAY_S
        self._empty_after_s = empty_after_s
        self._every_s = every_s
        self._first: tuple[Moment, datetime] | None = None  # of several servers: as which it was first, and since when
        self._left: dict[str, datetime] = {}  # empty sessions without sockets, by when they were first seen so
        self._tasks = TaskOwner("retention")

    def start(self) -> None:
        """Start the task."""
        self._tasks.start(self._run(), "sweep")

    async def aclose(self) -> None:
        """Stop."""
        await self._tasks.aclose()

    async def sweep(self, now: datetime) -> int:
        """Delete one batch; returns the number deleted. A session with sockets, or that a server runs, is left alone. Raises `JournalError`."""
        deleted = 0
        if not self._settled(now):
            return 0
        old = await self._unused(
            await self._manager.journal.stale(self._before(now, self._after_s), "", READ_AT_ONCE), 0.0
        )
        empty = await self._empty(now)
        for session_id in dict.fromkeys([*old[:AT_ONCE], *empty[:AT_ONCE]]):
            if not self._manager.registry.ownership.is_first:
                break
            if not await self._unused([session_id], 0.0 if session_id in old else self._empty_after_s):
                continue
            try:
                await self._manager.delete_session(session_id)
            except SessionNotFound:
                continue
            deleted += 1
        if deleted:
            log.info("retention deleted %d sessions", deleted)
        return deleted

    def _settled(self, now: datetime) -> bool:
        """Whether this server is alone, or the first of several and has been for `SETTLED_S`."""
        ownership = self._manager.registry.ownership
        if self._manager.registry.services.nodes is None or not ownership.is_first:
            return ownership.is_first
        if self._first is None or self._first[0] != ownership.moment:
            self._first = (ownership.moment, now)
        return self._first[1] <= now - timedelta(seconds=SETTLED_S)

    async def _unused(self, session_ids: list[str], for_s: float) -> list[str]:
        """Those of these sessions that have no sockets, nor had any at one of several servers for so long."""
        nodes = self._manager.registry.services.nodes
        here = [one for one in session_ids if not self._manager.is_used(one)]
        return here if nodes is None or not here else await nodes.unfollowed(here, for_s + 2 * TOLD_EACH_S)

    async def _empty(self, now: datetime) -> list[str]:
        """Sessions with nothing in them that have had no socket for `empty_after_s`, as far as this server has looked, or heard."""
        found = await self._manager.journal.stale("", self._before(now, self._empty_after_s), READ_AT_ONCE)
        if self._manager.registry.services.nodes is not None:
            return await self._unused(found, self._empty_after_s)
        self._left = {one: self._left.get(one, now) for one in found if not self._manager.is_used(one)}
        return [one for one, since in self._left.items() if since <= now - timedelta(seconds=self._empty_after_s)]

    async def forget(self, now: datetime) -> None:
        """Remove the tombstones of sessions deleted more than `TOMBSTONE_DAYS` ago. Raises `JournalError`."""
        before = rfc3339(now - timedelta(days=TOMBSTONE_DAYS))
        while await self._manager.journal.forget_deleted(before, TOMBSTONES_AT_ONCE) == TOMBSTONES_AT_ONCE:
            continue

    async def _run(self) -> None:
        while True:
            try:
                deleted = 0
                if self._manager.registry.ownership.is_first:
                    deleted = await self.sweep(datetime.now(UTC)) if self._after_s or self._empty_after_s else 0
                    await self.forget(datetime.now(UTC))
            except JournalError as error:
                log.warning("old sessions could not be deleted; it is tried again: %s", error)
                deleted = 0
            await asyncio.sleep(0 if deleted >= AT_ONCE else self._every_s)

    def _before(self, now: datetime, after_s: float) -> str:
        """The time before which a session counts as old. Empty if it never does: no time sorts before an empty string."""
        return rfc3339(now - timedelta(seconds=after_s)) if after_s else ""
