"""Queued journal: the calls of a `Journal`, handed to the thread that writes or to those that read. Every backend is one."""

import asyncio
import builtins
from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Thread
from typing import Generic, Protocol, TypeVar

from server.journal.base import (
    READ_BYTES_MAX,
    READ_RECORDS_MAX,
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
from server.journal.queries import Bounds, Found, Listing


class Transactions(Protocol):
    """What the thread that writes does for a call. See the calls of `Journal` by the same names."""

    def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None: ...
    def create(self, row: SessionRow, bounds: StorageBounds | None) -> Lease: ...
    def acquire(self, session_id: str) -> Lease: ...
    def merge(self, lease: Lease, lo: int, hi: int, records: Sequence[Record]) -> None: ...
    def delete(self, session_id: str) -> None: ...
    def list_as(self, session_id: str, listed: str) -> None: ...
    def files_measured(self, session_id: str, size: int) -> None: ...
    def forget_deleted(self, before: str, most: int) -> int: ...
    def claim(self, claim: HeldClaim) -> None: ...
    def release_claim(self, claim_id: str) -> None: ...
    def instruct(self, user_id: str, text: str) -> None: ...
    def exported(self, session_id: str, seq: int) -> None: ...


W = TypeVar("W", bound=Transactions)
R = TypeVar("R")
D = TypeVar("D", contravariant=True)


class Queries(Protocol[D]):
    """What the threads that read do for a call, through a connection: a module of functions."""

    def read(self, db: D, session_id: str, bounds: Bounds, /) -> list[Record]: ...
    def read_private(self, db: D, session_id: str, after: int, through: int, /) -> list[PrivateRecord]: ...
    def stat(self, db: D, session_id: str, /) -> Found: ...
    def answer(self, db: D, session_id: str, submission_id: str, /) -> IdempotencyRecord | None: ...
    def snapshot(self, db: D, session_id: str, /) -> tuple[int, bytes] | None: ...
    def list_sessions(self, db: D, listing: Listing, /) -> list[Found]: ...
    def stored(self, db: D, user_id: str, /) -> Stored: ...
    def spent(self, db: D, user_id: str, day: str, /) -> Spent: ...
    def instructions(self, db: D, user_id: str, /) -> str: ...
    def unfinished(self, db: D, /) -> list[str]: ...
    def stale(self, db: D, before: str, empty_before: str, most: int, /) -> list[str]: ...
    def good_position(self, db: D, session_id: str, epoch: str, seq: int, /) -> bool: ...
    def claims(self, db: D, session_id: str | None, /) -> list[HeldClaim]: ...
    def unexported(self, db: D, most: int, not_of: frozenset[str], but: frozenset[str], /) -> list[Found]: ...


class WriterThread(Protocol):
    """The thread that writes."""

    thread: Thread

    @property
    def commits(self) -> int:
        """Commits so far."""

    def purge_soon(self) -> None:
        """Purge deleted sessions soon. Called inside an operation."""


class QueuedJournal(Generic[W, R]):
    """A `Journal`, but for `append` and what a backend knows of its epoch. The interface says what each call does and refuses."""

    _writer: WriterThread

    def __init__(self, where: Path | str, group_max: int, queries: Queries[R], *, shared: bool = False) -> None:
        """`where`, `group_max`, `shared`: see `CallQueue`. The backend starts the threads, and sets `_ended` when they have ended."""
        self._queries = queries
        self._write_queue: CallQueue[W] = CallQueue(where, group_max, shared=shared)
        self._read_queue: CallQueue[R] = CallQueue(where, 1)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to."""
        raise NotImplementedError

    @property
    def commits(self) -> int:
        """Commits since it was opened, for telemetry."""
        return self._writer.commits

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
        return await self._read_queue.put(lambda db: self._queries.read(db, session_id, bounds))

    async def read_private(self, session_id: str, after: int, through: int) -> builtins.list[PrivateRecord]:
        """The private records of the events after a position."""
        return await self._read_queue.put(lambda db: self._queries.read_private(db, session_id, after, through))

    async def stat(self, session_id: str) -> Stat:
        """The session's head, epoch, row and term."""
        head, term, row = await self._read_queue.put(lambda db: self._queries.stat(db, session_id))
        return Stat(head, self.epoch, row, term)

    async def answer(self, session_id: str, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to a submission."""
        return await self._read_queue.put(lambda db: self._queries.answer(db, session_id, submission_id))

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """The last snapshot."""
        return await self._read_queue.put(lambda db: self._queries.snapshot(db, session_id))

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

        def delete(tables: W) -> None:
            tables.delete(session_id)
            self._writer.purge_soon()

        await self._write_queue.put(delete)

    async def list_as(self, session_id: str, listed: str) -> None:
        """Keep how a session is listed."""
        await self._write_queue.put(lambda tables: tables.list_as(session_id, listed))

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
        holding: bytes = b"",
        listed: str | None = None,
    ) -> builtins.list[Stat]:
        """The sessions, the newest first."""
        listing = Listing(user_id, before, search, most, max_bytes, holding, listed)
        found = await self._read_queue.put(lambda db: self._queries.list_sessions(db, listing))
        return [Stat(head, self.epoch, row, term) for head, term, row in found]

    async def stored(self, user_id: str) -> Stored:
        """What a user has stored."""
        return await self._read_queue.put(lambda db: self._queries.stored(db, user_id))

    async def spent(self, user_id: str, day: str) -> Spent:
        """What a user's model calls cost on a day."""
        return await self._read_queue.put(lambda db: self._queries.spent(db, user_id, day))

    async def instructions(self, user_id: str) -> str:
        """What the user wants models to be told."""
        return await self._read_queue.put(lambda db: self._queries.instructions(db, user_id))

    async def account(self, user_id: str, day: str) -> tuple[Stored, Spent, str]:
        """What a user has stored, has spent on a day, and wants models to be told."""
        queries = self._queries

        def read(db: R) -> tuple[Stored, Spent, str]:
            return queries.stored(db, user_id), queries.spent(db, user_id, day), queries.instructions(db, user_id)

        return await self._read_queue.put(read)

    async def instruct(self, user_id: str, text: str) -> None:
        """Keep the user's instructions."""
        await self._write_queue.put(lambda tables: tables.instruct(user_id, text))

    async def unfinished(self) -> builtins.list[str]:
        """The sessions in which work was under way."""
        return await self._read_queue.put(self._queries.unfinished)

    async def stale(self, before: str, empty_before: str, most: int) -> builtins.list[str]:
        """Sessions not used for long."""
        return await self._read_queue.put(lambda db: self._queries.stale(db, before, empty_before, most))

    async def good_position(self, session_id: str, epoch: str, seq: int) -> bool:
        """Whether a client's position is still good."""
        if seq <= 0 or not epoch:
            return seq == 0
        return await self._read_queue.put(lambda db: self._queries.good_position(db, session_id, epoch, seq))

    async def claim(self, claim: HeldClaim) -> None:
        """Store a claim until it is released."""
        await self._write_queue.put(lambda tables: tables.claim(claim))

    async def release_claim(self, claim_id: str) -> None:
        """Remove a claim."""
        await self._write_queue.put(lambda tables: tables.release_claim(claim_id))

    async def claims(self, session_id: str | None = None) -> builtins.list[HeldClaim]:
        """All claims, or one session's."""
        return await self._read_queue.put(lambda db: self._queries.claims(db, session_id))

    async def exported(self, session_id: str, seq: int) -> None:
        """Record an export."""
        await self._write_queue.put(lambda tables: tables.exported(session_id, seq))

    async def unexported(
        self, most: int, *, not_of: Collection[str] = (), but: Collection[str] = ()
    ) -> builtins.list[Stat]:
        """Sessions that are not exported as a whole."""
        found = await self._read_queue.put(
            lambda db: self._queries.unexported(db, most, frozenset(not_of), frozenset(but))
        )
        return [Stat(head, self.epoch, row, term) for head, term, row in found]

    async def aclose(self) -> None:
        """Stop cleanly; it finishes even if the caller is cancelled."""
        self._read_queue.close()
        self._write_queue.close()
        await asyncio.shield(self._ended)
        self._writer.thread.join()
