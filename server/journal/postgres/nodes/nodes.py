"""Nodes on PostgreSQL, the interface: this node's lease, and what it asks about others."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import psycopg

from agent.util.threads import start_in_own_thread
from server.journal.base import Record
from server.journal.call_queue import CallQueue
from server.journal.nodes import words
from server.journal.postgres.address import Address
from server.journal.postgres.errors import explain
from server.journal.postgres.nodes import membership, reading
from server.journal.postgres.nodes.beat import Beat
from server.journal.postgres.nodes.membership import Seen
from server.journal.postgres.nodes.notices import Listener, Notifier
from server.journal.postgres.schema import Connection

log = logging.getLogger("holdfast.nodes")


class PostgresNodes:
    """See `server.journal.nodes.base.Nodes`. A timer of its own drops all sessions when the lease is over."""

    def __init__(
        self, address: Address, lease_s: float, queries: CallQueue[Connection], epoch_seen: Callable[[int], None]
    ) -> None:
        """`queries`: of the journal's readers. `epoch_seen`: called with the ordinal of the epoch at each beat."""
        self._where = address.where
        self._beat = Beat(address, lease_s, self._drop, self._seen)
        self._notifier = Notifier(address, lambda: self.number)
        self._listener = Listener(address, self._heard, self._missed)
        self._told: Callable[[Mapping[str, int]], None] | None = None
        self._missed_some: Callable[[], None] | None = None
        self._queries = queries
        self._epoch_seen = epoch_seen
        self._lost: Callable[[], None] | None = None
        self._dropped = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.living = 1
        self._first = 0

    @property
    def number(self) -> int:
        """This node's number."""
        return self._beat.number

    @property
    def is_good(self) -> bool:
        """Whether this node may run sessions now."""
        return self._beat.lease.is_good(time.monotonic())

    @property
    def is_first(self) -> bool:
        """Whether this node has lived for longest."""
        return self.is_good and self._first == self.number

    def watch(self, lost: Callable[[], None]) -> None:
        """Call `lost` when this node may not run sessions any more."""
        self._lost = lost

    async def owned_elsewhere(self, session_id: str) -> bool:
        """Whether another node, which lives, owns the session."""
        return await self._queries.put(lambda db: membership.owned_elsewhere(db, self.number, session_id))

    async def orphans(self, most: int) -> list[str]:
        """Sessions with work under way that nobody who lives owns."""
        return await self._queries.put(lambda db: membership.orphans(db, most))

    def listen(self, told: Callable[[Mapping[str, int]], None], missed: Callable[[], None]) -> None:
        """Call `told` with how far sessions are stored, and `missed` when some of that may have been lost."""
        self._told, self._missed_some = told, missed

    async def heads(self, session_ids: Sequence[str]) -> dict[str, int]:
        """How far these sessions are stored."""
        return await self._queries.put(lambda db: reading.heads(db, session_ids))

    async def read_after(self, wanted: Sequence[tuple[str, int]]) -> dict[str, list[Record]]:
        """The next records of each session."""
        return await self._queries.put(lambda db: reading.read_after(db, wanted))

    def tell(self, heads: Iterable[tuple[str, int]]) -> None:
        """Tell the other nodes, if there are any, how far these sessions are stored. Called in any thread."""
        if self.living > 1:
            self._notifier.tell(heads)

    async def join(self) -> None:
        """Be one of the nodes from now on. Raises `JournalError`."""
        try:
            await start_in_own_thread("beat-begin", self._beat.join)
        except psycopg.Error as error:
            raise explain(error, self._where) or error from error
        self._beat.start()
        self._notifier.start()
        self._listener.start()
        self._look()

    async def aclose(self) -> None:
        """Leave the other nodes. What this one owned others may take at once."""
        if self._timer is not None:
            self._timer.cancel()
        await start_in_own_thread("nodes-end", self._stop)

    def _stop(self) -> None:
        for thread in (self._beat, self._listener, self._notifier):
            thread.stop()

    def _look(self) -> None:
        """Drop all sessions when the lease is over; look again when it would be."""
        for link in (self._beat.link, self._notifier.link, self._listener.link):
            if link is not None:
                link.abort_if_silent(self._beat.lease.lease_s)
        now = time.monotonic()
        lease = self._beat.lease
        if lease.is_good(now):
            self._dropped = False
            wait_s = min(lease.good_until - now, lease.beat_s)
        else:
            wait_s = lease.beat_s
            if not self._dropped:
                log.error("this node has not reached the database for a lease: it stops its sessions")
                self._drop()
        self._timer = self._loop.call_later(wait_s, self._look)

    def _heard(self, word: str) -> None:
        heard = words.read(word)
        if heard is not None and heard.node != self.number and self._told is not None:
            self._told(heard.heads)

    def _missed(self) -> None:
        if self._missed_some is not None:
            self._missed_some()

    def _seen(self, seen: Seen) -> None:
        self.living, self._first = seen.living, seen.first
        self._epoch_seen(seen.epoch)

    def _drop(self) -> None:
        self._dropped = True
        if self._lost is not None:
            self._lost()
