"""Transactions: the operations that change stored sessions, and what they refuse. Used by the writer thread alone.

An operation refuses (raises a `JournalError`) before it changes anything, so a refusal leaves the others of its group alone. Any other
exception means that the transaction is to be rolled back: `roll_back`.
"""

import logging
import sqlite3
from collections.abc import Sequence

import msgspec

from server.journal import statements as sql
from server.journal.base import (
    AlreadyAnswered,
    AppendItem,
    Conflict,
    Deleted,
    Fenced,
    HeldClaim,
    IdempotencyRecord,
    Lease,
    NotFound,
    Record,
    SessionRow,
    StorageBounds,
    Stored,
)
from server.journal.errors import check_room, follow
from server.journal.mark import MarkFile

log = logging.getLogger("holdfast.journal")

CACHED_SESSIONS_MAX = 4_096
"""Sessions whose head and term the writer keeps in memory, about 200 bytes each; another's next append costs one more query."""


class CachedSession:
    """A session as the writer remembers it, so that an append needs no query."""

    __slots__ = ("bytes", "deleted", "head", "key", "term", "term_head")

    def __init__(self, key: int, term: int, term_head: int, deleted: int, head: int, size: int) -> None:
        self.key = key
        self.term = term
        self.term_head = term_head
        self.deleted = deleted
        self.head = head
        self.bytes = size


class Transactions:
    """Operations on the database, one transaction at a time, by one thread."""

    def __init__(self, db: sqlite3.Connection, mark: MarkFile) -> None:
        self._db = db
        self._cursor = db.cursor()
        self._mark = mark
        self._known: dict[str, CachedSession] = {}
        self._events: list[sql.EventValue] = []
        self._last = (0, 0)
        self._changed = False
        self._changes: int = db.execute("SELECT changes FROM meta").fetchone()[0]

    def begin(self) -> None:
        """Begin a transaction. The database begins one only at the first change: `_change`."""
        if len(self._known) > CACHED_SESSIONS_MAX:
            self._known.clear()
        self._last = (0, 0)
        self._changed = False

    def commit(self) -> None:
        """Commit, and write the mark."""
        if self._changed:
            changes = self._changes + 1
            self._flush()
            self._change("UPDATE meta SET changes = ?", (changes,))
            self._cursor.execute("COMMIT")
            self._changes = changes
            self._mark.changed(changes)
        elif self._last[0]:
            if not self._db.in_transaction and len(self._events) <= sql.EVENTS_MAX * sql.EVENT_COLUMNS:
                # By far the most common: a few events and nothing else. Their statement is a transaction by itself.
                ((statement, values),) = sql.event_inserts(self._events)
                self._cursor.execute(statement, values)
                self._events = []
            else:
                self._flush()
                self._cursor.execute("COMMIT")
            self._mark.appended(*self._last)

    def roll_back(self) -> None:
        """Undo the transaction and forget all cached sessions."""
        self._known.clear()
        self._events = []
        try:
            if self._db.in_transaction:
                self._cursor.execute("ROLLBACK")
        except sqlite3.Error:
            # Then the next transaction cannot begin, and its callers get that error.
            log.exception("a transaction of the journal could not be rolled back")

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the database; if the disk does not let us, it goes on growing."""
        try:
            self._cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("the journal's write-ahead log stays as it is: %s", error)

    def append(self, item: AppendItem) -> None:
        """See `Journal.append`."""
        known = self._known.get(item.lease.session_id)
        if known is None or known.deleted or known.term != item.lease.term:
            known = self._leased(item.lease)  # or why not
        if item.expected_head != known.head:
            if self._is_stored(known, item):
                return
            raise Conflict(
                f"session {item.lease.session_id} stands at {known.head}, not at {item.expected_head} as its owner expected"
            )
        new_head = follow(item.records, known.head)
        if item.idempotency:
            self._check_unanswered(known, item)
        if item.row is not None and item.row.session_id != item.lease.session_id:
            raise Conflict(f"the row of session {item.row.session_id} does not belong to {item.lease.session_id}")
        if item.private:
            _check_private(item)
        key = known.key
        for record in item.records:
            data = record.data
            known.bytes += len(data)
            value = bytearray(data) if len(data) <= sql.COPIED_BYTES_MAX else data
            self._events += (key, record.seq, record.seq - record.first_seq, value)
        known.head = new_head
        for private in item.private:
            self._change(sql.PUT_PRIVATE, (key, private.seq, private.data))
            known.bytes += len(private.data)
        for entry in item.idempotency:
            self._change(sql.PUT_ANSWER, (key, entry.submission_id, entry.digest, entry.answer))
        if item.row is not None:
            self._change(sql.UPDATE_ROW, (*sql.row_values(item.row)[1:], known.bytes, key))
        if item.spent is not None and item.records:
            self._change(sql.SPEND, msgspec.structs.astuple(item.spent))
        if item.records:
            self._last = (key, new_head)
        else:
            self._changed = True

    def create(self, row: SessionRow, bounds: StorageBounds | None) -> Lease:
        """See `Journal.create`."""
        known = self._find(row.session_id)
        if known is not None:
            _check_there(known, row.session_id)
            raise Conflict(f"there is a session {row.session_id} already")
        if bounds is not None:
            check_room(Stored(*self._cursor.execute(sql.STORED, (row.user_id,)).fetchone()), bounds)
        key = self._change(sql.CREATE_SESSION, sql.row_values(row)).lastrowid
        assert key is not None
        self._known[row.session_id] = CachedSession(key, term=1, term_head=0, deleted=0, head=0, size=0)
        self._changed = True
        return Lease(row.session_id, 1)

    def acquire(self, session_id: str) -> Lease:
        """See `Journal.acquire`. Earlier appends are done: they were queued before."""
        known = self._there(session_id)
        self._change(sql.ACQUIRE, (known.term + 1, known.head, known.key))
        known.term += 1
        known.term_head = known.head
        self._flush()
        (known.bytes,) = self._cursor.execute(sql.COUNT_BYTES, (known.key,)).fetchone()
        self._change(sql.KEEP_BYTES, (known.bytes, known.key))
        self._changed = True
        return Lease(session_id, known.term)

    def merge(self, lease: Lease, lo: int, hi: int, records: Sequence[Record]) -> None:
        """See `Journal.merge`."""
        known = self._leased(lease)
        self._flush()
        if not records or follow(records, lo - 1) != hi:
            raise Conflict(f"the records do not stand for exactly {lo}..{hi}")
        borders = self._cursor.execute(sql.BORDERS, (known.key, lo, hi)).fetchone()
        if borders[:2] != (lo, hi):
            raise Conflict(f"session {lease.session_id} has no records that make up exactly {lo}..{hi}")
        self._change(sql.DELETE_EVENTS, (known.key, lo, hi))
        for record in records:
            self._events += (known.key, record.seq, record.seq - record.first_seq, record.data)
        known.bytes += sum(len(record.data) for record in records) - borders[2]
        self._change(sql.KEEP_BYTES, (known.bytes, known.key))
        self._changed = True

    def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None:
        """See `Journal.put_snapshot`."""
        known = self._leased(lease)
        if not 0 <= seq <= known.head:
            raise Conflict(f"session {lease.session_id} stands at {known.head}: there can be no snapshot of {seq}")
        self._change(sql.PUT_SNAPSHOT, (known.key, seq, data))
        self._changed = True

    def delete(self, session_id: str) -> None:
        """See `Journal.delete`. The tombstone is written at once; the session's data is removed in small steps: `purge`."""
        known = self._find(session_id)
        if known is None:
            raise NotFound(f"there is no session {session_id}")
        if known.deleted:
            return
        self._change(sql.TOMBSTONE, (known.key,))
        self._change("INSERT INTO purges (session) VALUES (?)", (known.key,))
        known.deleted = 1
        self._changed = True

    def list_as(self, session_id: str, listed: str) -> None:
        """See `Journal.list_as`."""
        self._change(sql.LIST_AS, (listed, self._there(session_id).key))
        self._changed = True

    def files_measured(self, session_id: str, size: int) -> None:
        """See `Journal.files_measured`."""
        self._change(sql.KEEP_FILES, (size, self._there(session_id).key))
        self._changed = True

    def forget_deleted(self, before: str, most: int) -> int:
        """See `Journal.forget_deleted`. A session whose events are not all removed yet keeps its tombstone."""
        found = self._cursor.execute(sql.TOMBSTONES, (before, most)).fetchall()
        for key, session_id in found:
            self._change(sql.FORGET, (key,))
            self._known.pop(session_id, None)
            self._changed = True
        return len(found)

    def claim(self, claim: HeldClaim) -> None:
        """See `Journal.claim`."""
        row = self._cursor.execute(sql.CLAIM_OF, (claim.claim_id,)).fetchone()
        if row is None:
            self._there(claim.session_id)
        elif row[0] != claim.session_id:
            raise Conflict(f"claim {claim.claim_id} is of session {row[0]}, not of {claim.session_id}")
        self._change(sql.CLAIM, msgspec.structs.astuple(claim))
        self._changed = True

    def release_claim(self, claim_id: str) -> None:
        """See `Journal.release_claim`."""
        self._change(sql.RELEASE_CLAIM, (claim_id,))
        self._changed = True

    def instruct(self, user_id: str, text: str) -> None:
        """See `Journal.instruct`."""
        self._change(sql.INSTRUCT, (user_id, text))
        self._changed = True

    def exported(self, session_id: str, seq: int) -> None:
        """See `Journal.exported`."""
        known = self._there(session_id)
        if not 0 <= seq <= known.head:
            raise Conflict(f"session {session_id} stands at {known.head}: nobody can have a copy of {seq}")
        self._change(sql.EXPORTED, (seq, known.key))
        self._changed = True

    def purge(self, most: int) -> bool:
        """Remove up to `most` events, and as many private records, of deleted sessions; whether there is more to do."""
        row = self._cursor.execute("SELECT session FROM purges LIMIT 1").fetchone()
        if row is None:
            return False
        removed = [self._change(one, (*row, *row, most)).rowcount for one in (sql.PURGE_EVENTS, sql.PURGE_PRIVATE)]
        if max(removed) < most:
            for statement in sql.PURGE_REST:
                self._change(statement, row)
        self._changed = True
        return True

    def _find(self, session_id: str) -> CachedSession | None:
        known = self._known.get(session_id)
        if known is None:
            row = self._cursor.execute(sql.LOAD_SESSION, (session_id,)).fetchone()
            if row is None:
                return None
            known = self._known[session_id] = CachedSession(*row)
        return known

    def _there(self, session_id: str) -> CachedSession:
        known = self._find(session_id)
        if known is None:
            raise NotFound(f"there is no session {session_id}")
        _check_there(known, session_id)
        return known

    def _leased(self, lease: Lease) -> CachedSession:
        known = self._there(lease.session_id)
        if lease.term != known.term:
            raise Fenced(f"session {lease.session_id} is held under term {known.term}; {lease.term} is over")
        return known

    def _is_stored(self, known: CachedSession, item: AppendItem) -> bool:
        """Whether the item is a retry of one that was stored under this term."""
        if not item.records or not known.term_head <= item.expected_head <= item.records[-1].seq <= known.head:
            return False
        self._flush()
        bounds = (known.key, item.expected_head + 1, item.records[-1].seq)
        rows = self._cursor.execute(sql.LOAD_EVENTS, bounds).fetchall()
        given = [(record.seq, record.seq - record.first_seq, record.data) for record in item.records]
        private = self._cursor.execute(sql.LOAD_PRIVATE, bounds).fetchall()
        if private != [msgspec.structs.astuple(one) for one in item.private]:
            return False
        return rows == given and all(self._answered(known, entry) == entry for entry in item.idempotency)

    def _check_unanswered(self, known: CachedSession, item: AppendItem) -> None:
        """Refuse ids that have an answer. An item without records may be a retry: the same answer again is none."""
        if len({entry.submission_id for entry in item.idempotency}) < len(item.idempotency):
            raise Conflict("one submission id stands twice in one item")
        for entry in item.idempotency:
            earlier = self._answered(known, entry)
            if earlier is not None and (item.records or earlier != entry):
                what = f"submission {entry.submission_id!r} of session {item.lease.session_id}"
                raise AlreadyAnswered(f"{what} has its answer already", earlier)

    def _answered(self, known: CachedSession, entry: IdempotencyRecord) -> IdempotencyRecord | None:
        row = self._cursor.execute(sql.LOAD_ANSWER, (known.key, entry.submission_id)).fetchone()
        return IdempotencyRecord(entry.submission_id, *row) if row else None

    def _flush(self) -> None:
        """Write the events that wait to be written together."""
        if self._events:
            for statement, values in sql.event_inserts(self._events):
                self._change(statement, values)
            self._events = []

    def _change(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        """Execute a statement that writes, inside the transaction; no other process can write until that ends."""
        if not self._db.in_transaction:
            self._cursor.execute("BEGIN IMMEDIATE")
        return self._cursor.execute(statement, values)


def _check_private(item: AppendItem) -> None:
    seqs = [private.seq for private in item.private]
    own = {record.seq for record in item.records}
    if len(own.intersection(seqs)) < len(seqs):
        raise Conflict(f"the private records {seqs} are not each of another record of this item")


def _check_there(known: CachedSession, session_id: str) -> None:
    if known.deleted:
        raise Deleted(f"session {session_id} was deleted")
