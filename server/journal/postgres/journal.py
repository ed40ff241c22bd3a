"""PostgreSQL journal, the interface: hands each call to the writer or to a reader, and opens and closes the whole."""

import asyncio
import builtins
import logging
import os
from collections.abc import Callable, Collection
from contextlib import ExitStack
from functools import partial

import psycopg

from agent.util.threads import start_in_own_thread
from server.journal.base import (
    READ_BYTES_MAX,
    READ_RECORDS_MAX,
    AppendItem,
    HeldClaim,
    IdempotencyRecord,
    Lease,
    ListPosition,
    PrivateRecord,
    Record,
    SessionRow,
    Spent,
    Stat,
    StorageBounds,
    Stored,
)
from server.journal.call_queue import CallQueue
from server.journal.postgres import lineage, lock, queries, schema, threads
from server.journal.postgres.address import Address
from server.journal.postgres.appends import Appender
from server.journal.postgres.errors import explain
from server.journal.postgres.link import Link
from server.journal.postgres.schema import Connection
from server.journal.postgres.threads import Append, Readers, Writer
from server.journal.postgres.transactions import Transactions
from server.journal.queries import Bounds, Listing

log = logging.getLogger("holdfast.journal")

LOOK_S = 1.0
"""How often it is looked whether the database still is there and what it was, and whether it owes an answer for too long."""

Opened = tuple[Address, Link, Appender]


async def open_postgres(url: str, at_end: Callable[[], None] = lambda: None) -> "PostgresJournal":
    """Open the journal in the database that `url` names, making its tables if need be. It belongs to the running loop.

    `at_end`: called in a thread when it is closed, the last thing.

    Raises `CannotStart`, `DatabaseInUse`, `Unavailable`, each in one line with the remedy and without the password.
    """
    opening = start_in_own_thread("journal-open", partial(_open, url))
    try:
        opened = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    return PostgresJournal(opened, at_end)


def _open(url: str) -> Opened:
    address = Address(url, os.environ)
    with ExitStack() as undo:
        link = Link(address, lock.connection_name())
        undo.callback(link.close)
        lock.take(link, lock.WAIT_S)
        try:
            with link as connection:
                schema.migrate(connection, address.where)
                epoch = lineage.settle(connection, None)
            appender = Appender(link, epoch)
        except psycopg.Error as error:
            raise explain(error, address.where) or error from error
        undo.pop_all()
        return address, link, appender


def _close_unwanted(opening: "asyncio.Future[Opened]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].close()


class PostgresJournal:
    """A `Journal` on PostgreSQL; the interface says what each call does and refuses."""

    def __init__(self, opened: Opened, at_end: Callable[[], None]) -> None:
        address, link, appender = opened
        self._at_end = at_end
        self._on_epoch: Callable[[], None] | None = None
        self._where = address.where
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._write_queue: CallQueue[Transactions] = CallQueue(address.where, threads.GROUP_MAX)
        self._read_queue: CallQueue[Connection] = CallQueue(address.where, 1)
        self._writer = Writer(
            address, (link, appender), self._write_queue, on_epoch=self._epoch_began, at_end=self._end
        )
        self._readers = Readers(
            address,
            self._read_queue,
            epoch=lambda: self._writer.epoch,
            changed=lambda: self._write_queue.on_loop(self._look_at_writer),
        )
        self._readers.start()
        self._writer.thread.start()
        self._check: asyncio.Future[None] | None = None
        self._timer = self._loop.call_later(LOOK_S, self._look)

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to."""
        return self._writer.epoch.name

    def watch_epoch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after a new epoch has begun."""
        self._on_epoch = changed

    @property
    def commits(self) -> int:
        """Statements that appended something since it was opened, for telemetry."""
        return self._writer.commits

    def append(self, item: AppendItem) -> "asyncio.Future[None]":
        """Store an item; it is durable once the future is done."""
        return self._write_queue.put(Append(item), can_wait=item.row is None)

    async def read(
        self,
        session_id: str,
        after: int,
        *,
        through: int | None = None,
        max_records: int = READ_RECORDS_MAX,
        max_bytes: int = READ_BYTES_MAX,
    ) -> builtins.list[Record]:
        """The records after a position."""
        bounds = Bounds(after, through, max_records, max_bytes)
        return await self._read_queue.put(lambda db: queries.read(db, session_id, bounds))

    async def read_private(self, session_id: str, after: int, through: int) -> builtins.list[PrivateRecord]:
        """The private records of the events after a position."""
        return await self._read_queue.put(lambda db: queries.read_private(db, session_id, after, through))

    async def stat(self, session_id: str) -> Stat:
        """The session's head, epoch, row and term."""
        head, term, row = await self._read_queue.put(lambda db: queries.stat(db, session_id))
        return Stat(head, self.epoch, row, term)

    async def answer(self, session_id: str, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to a submission."""
        return await self._read_queue.put(lambda db: queries.answer(db, session_id, submission_id))

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """The last snapshot."""
        return await self._read_queue.put(lambda db: queries.snapshot(db, session_id))

    async def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None:
        """Store a snapshot."""
        await self._write_queue.put(lambda tables: tables.put_snapshot(lease, seq, data))

    async def create(self, row: SessionRow, bounds: StorageBounds | None = None) -> Lease:
        """Make a session."""
        return await self._write_queue.put(lambda tables: tables.create(row, bounds))

    async def acquire(self, session_id: str) -> Lease:
        """Become a session's owner."""
        return await self._write_queue.put(lambda tables: tables.acquire(session_id))

    async def merge(self, lease: Lease, lo: int, hi: int, records: tuple[Record, ...]) -> None:
        """Replace records by others that stand for the same."""
        await self._write_queue.put(lambda tables: tables.merge(lease, lo, hi, records))

    async def delete(self, session_id: str) -> None:
        """Delete a session."""

        def delete(tables: Transactions) -> None:
            tables.delete(session_id)
            self._writer.purge_soon()

        await self._write_queue.put(delete)

    async def files_measured(self, session_id: str, size: int) -> None:
        """Count the bytes of a session's files."""
        await self._write_queue.put(lambda tables: tables.files_measured(session_id, size))

    async def forget_deleted(self, before: str, most: int) -> int:
        """Remove old tombstones."""
        return await self._write_queue.put(lambda tables: tables.forget_deleted(before, most))

    async def list(
        self,
        user_id: str | None = None,
        *,
        before: ListPosition | None = None,
        search: str = "",
        most: int | None = None,
        max_bytes: int | None = None,
    ) -> builtins.list[Stat]:
        """The sessions, the newest first."""
        listing = Listing(user_id, before, search, most, max_bytes)
        found = await self._read_queue.put(lambda db: queries.list_sessions(db, listing))
        return [Stat(head, self.epoch, row, term) for head, term, row in found]

    async def stored(self, user_id: str) -> Stored:
        """What a user has stored."""
        return await self._read_queue.put(lambda db: queries.stored(db, user_id))

    async def spent(self, user_id: str, day: str) -> Spent:
        """What a user's model calls cost on a day."""
        return await self._read_queue.put(lambda db: queries.spent(db, user_id, day))

    async def unfinished(self) -> builtins.list[str]:
        """The sessions in which work was under way."""
        return await self._read_queue.put(queries.unfinished)

    async def stale(self, before: str, empty_before: str, most: int) -> builtins.list[str]:
        """Sessions not used for long."""
        return await self._read_queue.put(lambda db: queries.stale(db, before, empty_before, most))

    async def good_position(self, session_id: str, epoch: str, seq: int) -> bool:
        """Whether a client's position is still good."""
        if seq <= 0 or not epoch:
            return seq == 0
        return await self._read_queue.put(lambda db: queries.good_position(db, session_id, epoch, seq))

    async def claim(self, claim: HeldClaim) -> None:
        """Store a claim until it is released."""
        await self._write_queue.put(lambda tables: tables.claim(claim))

    async def release_claim(self, claim_id: str) -> None:
        """Remove a claim."""
        await self._write_queue.put(lambda tables: tables.release_claim(claim_id))

    async def claims(self, session_id: str | None = None) -> builtins.list[HeldClaim]:
        """All claims, or one session's."""
        return await self._read_queue.put(lambda db: queries.claims(db, session_id))

    async def exported(self, session_id: str, seq: int) -> None:
        """Record an export."""
        await self._write_queue.put(lambda tables: tables.exported(session_id, seq))

    async def unexported(
        self, most: int, *, not_of: Collection[str] = (), but: Collection[str] = ()
    ) -> builtins.list[Stat]:
        """Sessions that are not exported as a whole."""
        found = await self._read_queue.put(lambda db: queries.unexported(db, most, frozenset(not_of), frozenset(but)))
        return [Stat(head, self.epoch, row, term) for head, term, row in found]

    async def aclose(self) -> None:
        """Stop cleanly; it finishes even if the caller is cancelled."""
        self._read_queue.close()
        self._write_queue.close()
        await asyncio.shield(self._ended)
        self._writer.thread.join()

    def _look(self) -> None:
        """Have the writer look at its link. Close links whose statement got no answer for too long: their threads then fail it."""
        for link in (self._writer.link, *self._readers.links):
            if link is not None and link.abort_if_silent():
                log.warning("%s gave no answer for too long: a connection is closed", self._where)
        if self._check is None or self._check.done():
            self._check = self._write_queue.put(_nothing)
            self._check.add_done_callback(_ignore)
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def _look_at_writer(self) -> None:
        """Have the writer look at its link, and so at the lineage of where it leads now."""
        self._write_queue.put(self._writer.look).add_done_callback(_ignore)

    def _epoch_began(self) -> None:
        self._write_queue.on_loop(lambda: self._on_epoch() if self._on_epoch is not None else None)

    def _end(self) -> None:
        """The last thing the writer's thread does."""
        self._readers.join()
        self._at_end()
        self._write_queue.on_loop(self._set_ended)

    def _set_ended(self) -> None:
        self._timer.cancel()
        self._ended.set_result(None)


def _nothing(_: Transactions) -> None:
    """Before it is called the writer's link is looked at, and made anew if it broke."""


def _ignore(done: "asyncio.Future[None]") -> None:
    """What the writer found shows at the calls that wait for it."""
    if not done.cancelled():
        done.exception()
