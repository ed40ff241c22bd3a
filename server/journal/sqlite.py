"""SQLite journal: the journal of one server, inside its process. One thread writes, a few read."""

import asyncio
import builtins
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from agent.util.threads import start_in_own_thread
from server.journal import epochs, queries, threads
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
from server.journal.errors import Corrupt, FolderInUse, SchemaTooNew
from server.journal.open import OpenJournal, open_folder
from server.journal.schema import Durability
from server.journal.settings import JournalSettings
from server.journal.threads import Checkpointer, Readers, Reads, Writer
from server.journal.transactions import Transactions

__all__ = ["Corrupt", "Durability", "FolderInUse", "SchemaTooNew", "SqliteJournal", "open_journal"]


DEFAULTS = JournalSettings()


async def open_journal(
    path: Path,
    settings: JournalSettings = DEFAULTS,
    *,
    boot_id: Callable[[], str] = epochs.read_boot_id,
) -> "SqliteJournal":
    """Open the journal in the folder `path`, making both if need be. It belongs to the running loop.

    A server gives `settings.folder` as `path`.
    Raises `FolderInUse`, `SchemaTooNew`, `Corrupt`, `Unavailable`, each naming the file and the remedy.
    """
    opening = start_in_own_thread("journal-open", partial(open_folder, path, settings.durability, boot_id))
    try:
        opened = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    return SqliteJournal(opened)


def _close_unwanted(opening: "asyncio.Future[OpenJournal]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class SqliteJournal:
    """A `Journal` on SQLite; the interface says what each call does and refuses."""

    def __init__(self, opened: OpenJournal) -> None:
        self._open = opened
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._write_queue: CallQueue[Transactions] = CallQueue(opened.path, threads.GROUP_MAX)
        self._read_queue: CallQueue[Reads] = CallQueue(opened.path, 1)
        self._readers = Readers(opened.path, self._read_queue)
        self._checkpointer = Checkpointer(opened.path)
        tables = Transactions(opened.db, opened.mark)
        self._writer = Writer(opened.path, tables, self._write_queue, self._checkpointer, at_end=self._end)
        self._readers.start()
        self._checkpointer.start()
        self._writer.thread.start()

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to."""
        return self._open.epoch

    def watch_epoch(self, changed: Callable[[], None]) -> None:
        """Nothing to watch: a folder that is open loses nothing."""

    @property
    def commits(self) -> int:
        """Transactions committed since it was opened, for telemetry."""
        return self._writer.commits

    def append(self, item: AppendItem) -> "asyncio.Future[None]":
        """Store an item; it is durable once the future is done."""
        return self._write_queue.put(partial(Transactions.append, item=item), can_wait=item.row is None)

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
        bounds = queries.Bounds(after, through, max_records, max_bytes)
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
        listing = queries.Listing(user_id, before, search, most, max_bytes)
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

    def _end(self) -> None:
        """The last thing the writer's thread does."""
        error: Exception | None = None
        try:
            self._readers.join()
            self._checkpointer.stop()
            self._open.close()
        except Exception as fault:  # noqa: BLE001  # `aclose` raises it
            error = fault
        self._write_queue.on_loop(lambda: self._set_ended(error))

    def _set_ended(self, error: Exception | None) -> None:
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
