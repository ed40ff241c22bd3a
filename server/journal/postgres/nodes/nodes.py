"""Nodes on PostgreSQL, the interface: this node's lease, and what it asks about others."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import psycopg

from agent.util.threads import start_in_own_thread
from server.journal.base import Record, Spent
from server.journal.call_queue import CallQueue
from server.journal.nodes import words
from server.journal.nodes.counts import NodeCounts
from server.journal.nodes.inbox import Forwarded, Put, Settled, Waiting
from server.journal.nodes.lease import NodeLease
from server.journal.nodes.listing import Load, NodeSeen
from server.journal.nodes.settings import NodesSettings
from server.journal.nodes.shared_folder import SharedFolder
from server.journal.nodes.watchdog import Watchdog
from server.journal.postgres import inbox, membership, reading
from server.journal.postgres.address import Address
from server.journal.postgres.errors import CannotStart, explain
from server.journal.postgres.membership import Seen
from server.journal.postgres.nodes.beat import Beat
from server.journal.postgres.nodes.folder import look_at
from server.journal.postgres.nodes.notices import Listener, Notifier, hears
from server.journal.postgres.schema import Connection
from server.journal.postgres.transactions import Transactions

log = logging.getLogger("holdfast.nodes")

POLL_S = 1.0
"""Pause between two looks for what other nodes stored, where they do not tell."""


class PostgresNodes:
    """See `server.journal.nodes.base.Nodes`. A timer of its own drops all sessions when the lease is over."""

    def __init__(
        self,
        address: Address,
        settings: NodesSettings,
        queries: CallQueue[Connection],
        writes: CallQueue[Transactions],
        epoch_seen: Callable[[int], None],
        files: SharedFolder | None,
        *,
        notify: bool,
    ) -> None:
        """`queries`, `writes`: of the journal's threads. `epoch_seen`: called with the ordinal of the epoch at each beat. `files`:
        the folder of sessions' files, if the nodes share one. `notify`: whether nodes tell one another; otherwise each looks.
        """
        self._files = files
        self.counts = NodeCounts()
        self._writes = writes
        self._arrived: Callable[[], None] | None = None
        self._answered: Callable[[Settled], None] | None = None
        self._credentials_changed: Callable[[], None] | None = None
        self._where = address.where
        self._watchdog = Watchdog()
        self._beat = Beat(address, settings, self._kept, self._drop, self._seen, self._announce, self.counts)
        self.tells = notify
        self._notifier = Notifier(address, lambda: self.number)
        self._listener = Listener(address, lambda: self.number, self._heard, self._missed)
        self._told: Callable[[Mapping[str, int]], None] | None = None
        self._missed_some: Callable[[], None] | None = None
        self._queries = queries
        self._epoch_seen = epoch_seen
        self._lost: Callable[[], None] | None = None
        self._dropped = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._poll: asyncio.TimerHandle | None = None
        self.living = 1
        self._first: int | None = None
        self.spoken = 1

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
        """Whether this node, of those that do not drain, has lived for longest."""
        return self.is_good and not self._beat.draining and self._first == self.number

    async def others_stay(self) -> bool:
        """Whether another node can go on with what this one runs."""
        return await self._queries.put(lambda db: membership.others_stay(db, self.number))

    async def room_elsewhere(self) -> bool:
        """Whether another node could wake a session."""
        return await self._queries.put(lambda db: membership.room_elsewhere(db, self.number))

    def drain(self) -> None:
        """This node is about to stop."""
        self._beat.draining = True

    def watch(self, lost: Callable[[], None]) -> None:
        """Call `lost` when this node may not run sessions any more."""
        self._lost = lost

    @property
    def beat_age_s(self) -> float:
        """How long ago this node last beat."""
        return time.monotonic() - self._beat.lease.reached_at

    def report(self, load: Callable[[], Load]) -> None:
        """Tell the others at each beat what `load` says."""
        self._beat.report = load

    async def everybody(self) -> list[NodeSeen]:
        """This node and the others."""
        return await self._queries.put(membership.everybody)

    async def owners(self, session_ids: Sequence[str]) -> dict[str, str]:
        """The names of the nodes that own these sessions."""
        return await self._queries.put(lambda db: membership.owners(db, session_ids))

    async def owned_elsewhere(self, session_id: str) -> bool:
        """Whether another node, which lives, owns the session."""
        return await self._queries.put(lambda db: membership.owner(db, session_id)) not in (None, self.number)

    async def working_elsewhere(self, user_id: str) -> int:
        """How many sessions of the user have work under way at other nodes."""
        return await self._queries.put(lambda db: membership.working(db, user_id, self.number))

    async def forward(self, session_id: str, submission_id: str, forwarded: Forwarded) -> Put:
        """Have a submission wait for the session's owner."""
        put = await self._writes.put(lambda tables: tables.forward(self.number, session_id, submission_id, forwarded))
        owner = await self._queries.put(lambda db: membership.owner(db, session_id))
        if owner is not None:
            self._say(words.write_arrived(owner))
        return put

    async def give(self, session_id: str, sealed: bytes, word: str) -> bool:
        """Keep what a session's client gave; whether another node is told."""
        owner = await self._writes.put(
            lambda tables: tables.run(lambda db: inbox.give(db, self.number, session_id, sealed, word))
        )
        if owner is not None:
            self._say(words.write_arrived(owner))
        return owner is not None

    async def given(self, session_id: str) -> bytes:
        """What a session's client gave."""
        return await self._queries.put(lambda db: inbox.given(db, session_id))

    async def waiting(self, but: Sequence[int]) -> list[Waiting]:
        """Submissions that wait for sessions which this node owns."""
        return await self._queries.put(lambda db: inbox.read(db, self.number, but))

    async def waits(self, session_id: str, submission_id: str) -> bool:
        """Whether this submission still waits."""
        return await self._queries.put(lambda db: inbox.waits(db, session_id, submission_id))

    async def remove(self, numbers: Sequence[int]) -> None:
        """These submissions wait no more."""
        await self._writes.put(lambda tables: tables.remove(numbers))

    def answer(self, to: int, settled: Settled) -> None:
        """Tell a node what became of a submission that it forwarded."""
        self._say(words.write_answered(to, settled))

    def watch_inbox(self, arrived: Callable[[], None], answered: Callable[[Settled], None]) -> None:
        """Call `arrived` when something may wait, and `answered` with what became of what was forwarded."""
        self._arrived, self._answered = arrived, answered

    def _say(self, word: str) -> None:
        if self.tells:
            self._notifier.say(word)

    def tell_credentials(self) -> None:
        """Tell the other nodes that credentials were removed, or changed."""
        self._say(words.CREDENTIALS)

    def watch_credentials(self, changed: Callable[[], None]) -> None:
        """Call `changed` in the event loop when another node told so, or its word may have been lost."""
        self._credentials_changed = changed

    async def orphans(self, most: int) -> list[str]:
        """Sessions with work under way that nobody who lives owns."""
        return await self._queries.put(lambda db: membership.orphans(db, most))

    def listen(self, told: Callable[[Mapping[str, int]], None], missed: Callable[[], None]) -> None:
        """Call `told` with how far sessions are stored, and `missed` when some of that may have been lost."""
        self._told, self._missed_some = told, missed

    async def heads(self, session_ids: Sequence[str]) -> dict[str, int]:
        """How far these sessions are stored."""
        return await self._queries.put(lambda db: reading.heads(db, session_ids))

    async def deleted(self, session_ids: Sequence[str]) -> list[str]:
        """Those of these sessions that were deleted."""
        return await self._queries.put(lambda db: reading.deleted(db, session_ids))

    async def follow(self, session_ids: Sequence[str]) -> list[str]:
        """These sessions have sockets now. Those that are to be told of again."""
        return await self._writes.put(lambda tables: tables.run(lambda db: reading.follow(db, session_ids)))

    async def unfollowed(self, session_ids: Sequence[str], for_s: float) -> list[str]:
        """Those of these sessions that had no sockets for so long."""
        return await self._queries.put(lambda db: reading.unfollowed(db, session_ids, for_s))

    async def spent(self, user_ids: Sequence[str], day: str) -> list[Spent]:
        """What these users' model calls cost on a day."""
        return await self._queries.put(lambda db: reading.spent(db, user_ids, day))

    async def read_after(self, wanted: Sequence[tuple[str, int]]) -> dict[str, list[Record]]:
        """The next records of each session."""
        return await self._queries.put(lambda db: reading.read_after(db, wanted))

    def want(self, session_ids: Sequence[str], *, also: bool = False) -> None:
        """Tell the other nodes which sessions are followed here. Before the first beat it is not known whether there are any."""
        if self.tells and also:
            self._notifier.want(session_ids)
        elif self.tells and self.living > 1:
            self._notifier.say(words.write_wants(self.number, session_ids))

    def tell(self, heads: Mapping[str, int]) -> None:
        """Tell the other nodes, if there are any that want it, how far these sessions are stored. Called in any thread."""
        if self.tells and self.living > 1:
            self._notifier.tell(heads, self.living - 1)

    async def join(self) -> None:
        """Be one of the nodes from now on. Raises `JournalError`."""
        try:
            await start_in_own_thread("beat-begin", self._begin)
        except psycopg.Error as error:
            raise explain(error, self._where) or error from error
        self._beat.start()
        if self.tells:
            self._notifier.start()
            self._listener.start()
        else:
            self._poll = self._loop.call_later(POLL_S, self._look_for_all)
        self._look()

    async def aclose(self) -> None:
        """Leave the other nodes. What this one owned others may take at once."""
        for timer in (self._timer, self._poll):
            if timer is not None:
                timer.cancel()
        await start_in_own_thread("nodes-end", self._stop)

    def _begin(self) -> None:
        self._watchdog.start()
        self._beat.join()
        assert self._beat.link is not None, "it has joined"
        with self._beat.link as connection:
            if self.tells and not hears(connection):
                raise CannotStart(
                    f"{self._where}: a word by NOTIFY is not heard there: name the server itself in journal.direct_url "
                    "(HOLDFAST_JOURNAL_DIRECT_URL), not a pooler or proxy; or set journal.notify to off"
                )
        if self._files is not None:
            look_at(self._files, self._beat)

    def _announce(self, number: int) -> None:
        if self._files is not None:
            self._files.announce(number)

    def _stop(self) -> None:
        for one in (self._beat, self._watchdog, self._listener, self._notifier):
            one.stop()
        if self._files is not None:
            for number in self._beat.numbers:
                self._files.withdraw(number)

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
        if isinstance(heard, words.Heads) and self._told is not None:
            self._told(heard.heads)
        elif isinstance(heard, words.Wants | words.WantsAlso) and heard.node not in self._beat.numbers:
            self._notifier.hear(heard)
        elif isinstance(heard, words.Arrived) and heard.to == self.number and self._arrived is not None:
            self._arrived()
        elif isinstance(heard, words.Answered) and heard.to in self._beat.numbers and self._answered is not None:
            self._answered(heard.settled)
        elif isinstance(heard, words.CredentialsChanged) and self._credentials_changed is not None:
            self._credentials_changed()

    def _missed(self) -> None:
        self._notifier.forget()
        if self._missed_some is not None:
            self._missed_some()
        if self._arrived is not None:
            self._arrived()
        if self._credentials_changed is not None:
            self._credentials_changed()

    def _look_for_all(self) -> None:
        """Look for all that nobody tells of."""
        self._missed()
        self._poll = self._loop.call_later(POLL_S, self._look_for_all)

    def _kept(self, lease: NodeLease) -> None:
        self._watchdog.arm(lease.kill_at)

    def _seen(self, seen: Seen) -> None:
        self.living, self._first, self.spoken = seen.living, seen.first, seen.spoken
        self._epoch_seen(seen.epoch)

    def _drop(self) -> None:
        self._dropped = True
        if self._lost is not None:
            self._lost()
        self._watchdog.stand_down()
