"""Queries: what the reader threads read. Each is one statement, so each answer is of one moment."""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import structs

from server.journal.base import (
    Deleted,
    HeldClaim,
    IdempotencyRecord,
    ListPosition,
    NotFound,
    PrivateRecord,
    Record,
    SessionRow,
    Spent,
    Stored,
)
from server.journal.statements import CLAIM_COLUMNS, HEAD, INSTRUCTIONS, READ_COLUMNS, SPENT, STORED

_SESSION = "(SELECT key FROM sessions WHERE session_id = ? AND deleted = 0)"

_READ = f"SELECT seq, span, data FROM events WHERE session = {_SESSION} AND seq > ? ORDER BY seq LIMIT ?"
_READ_PRIVATE = f"SELECT seq, data FROM private WHERE session = {_SESSION} AND seq > ? AND seq <= ? ORDER BY seq"
_STAT = f"SELECT {HEAD}, term, {READ_COLUMNS} FROM sessions WHERE session_id = ? AND deleted = 0"
_ANSWER = f"SELECT digest, answer FROM submissions WHERE session = {_SESSION} AND submission_id = ?"
_SNAPSHOT = f"SELECT seq, data FROM snapshots WHERE session = {_SESSION}"
_LIST = """
    SELECT key, title, length(pending_approval) FROM sessions
    WHERE deleted = 0 {whose} {behind} {holding} {listed} ORDER BY last_active_at DESC, session_id
"""
"""What is sorted and searched; the rows themselves may have megabytes each."""
_LISTED = f"SELECT {HEAD}, term, {READ_COLUMNS} FROM sessions WHERE key = ?"
_WHOSE = "AND user_id = ?"
_BEHIND = "AND (last_active_at < ? OR (last_active_at = ? AND session_id > ?))"
_HOLDING = "AND instr(options, ?) > 0"
_LISTED_SO = "AND listed = ?"
_UNFINISHED = "SELECT session_id FROM sessions WHERE unfinished = 1 AND deleted = 0 ORDER BY last_active_at, session_id"
_STALE = """
    SELECT session_id FROM sessions
    WHERE deleted = 0 AND unfinished = 0 AND state IN ('idle', 'closed') AND listed <> 'pinned'
        AND (last_active_at < ? OR (message_count = 0 AND title = '' AND files = 0 AND listed = '' AND last_active_at < ?))
    ORDER BY last_active_at, session_id LIMIT ?
"""
_UNEXPORTED = f"""
    SELECT {HEAD}, term, {READ_COLUMNS} FROM sessions
    WHERE deleted = 0 AND unfinished = 0 AND state IN ('idle', 'closed') AND message_count > 0 AND exported < {HEAD}
    ORDER BY last_active_at, session_id
"""
_CLAIMS = f"SELECT {CLAIM_COLUMNS} FROM claims ORDER BY claimed_at, claim_id"
_CLAIMS_OF_SESSION = f"SELECT {CLAIM_COLUMNS} FROM claims WHERE session_id = ? ORDER BY claimed_at, claim_id"
_POSITION = f"""
    SELECT {HEAD}, given.ordinal, next.ordinal,
        (SELECT first_seq FROM epoch_starts WHERE session = key AND ordinal = next.ordinal)
    FROM sessions
    LEFT JOIN epochs AS given ON given.epoch = ?
    LEFT JOIN epochs AS next ON next.ordinal = given.ordinal + 1
    WHERE session_id = ? AND deleted = 0
"""


Found = tuple[int, int, SessionRow]
"""Head, term and row of a session."""


class Bounds(NamedTuple):
    """The parameters of `Journal.read`."""

    after: int
    through: int | None
    max_records: int
    max_bytes: int


def read(db: sqlite3.Connection, session_id: str, bounds: Bounds) -> list[Record]:
    """See `Journal.read`."""
    after, through, max_records, max_bytes = bounds
    records: list[Record] = []
    size = 0
    cursor = db.execute(_READ, (session_id, after, max(1, max_records)))
    try:
        for seq, span, data in cursor:
            size += len(data)
            if (through is not None and seq - span > through) or (records and size > max_bytes):
                break
            records.append(Record(seq, seq - span, data))
        else:
            if not records:
                check_there(db, session_id)
    finally:
        # An unfinished statement would hold on to its moment, and the write-ahead log would grow.
        cursor.close()
    return records


def read_private(db: sqlite3.Connection, session_id: str, after: int, through: int) -> list[PrivateRecord]:
    """See `Journal.read_private`."""
    found = [PrivateRecord(*row) for row in db.execute(_READ_PRIVATE, (session_id, after, through))]
    if not found:
        check_there(db, session_id)
    return found


def stat(db: sqlite3.Connection, session_id: str) -> Found:
    """The head, the term and the row."""
    found = db.execute(_STAT, (session_id,)).fetchone()
    if found is None:
        raise missing(db, session_id)
    head, term, *columns = found
    return head, term, _row(columns)


def answer(db: sqlite3.Connection, session_id: str, submission_id: str) -> IdempotencyRecord | None:
    """See `Journal.answer`."""
    found = db.execute(_ANSWER, (session_id, submission_id)).fetchone()
    if found is None:
        check_there(db, session_id)
        return None
    return IdempotencyRecord(submission_id, *found)


def snapshot(db: sqlite3.Connection, session_id: str) -> tuple[int, bytes] | None:
    """See `Journal.snapshot`."""
    found: tuple[int, bytes] | None = db.execute(_SNAPSHOT, (session_id,)).fetchone()
    if found is None:
        check_there(db, session_id)
    return found


class Listing(NamedTuple):
    """The parameters of `Journal.list`."""

    user_id: str | None = None
    before: ListPosition | None = None
    search: str = ""
    most: int | None = None
    max_bytes: int | None = None
    holding: bytes = b""
    listed: str | None = None


def list_sessions(db: sqlite3.Connection, listing: Listing) -> list[Found]:
    """Head, term and row of each; see `Journal.list`."""
    found: list[Found] = []
    db.execute("BEGIN")  # both statements see one moment
    try:
        for key in _listed_keys(db, listing):
            head, term, *columns = db.execute(_LISTED, (key,)).fetchone()
            found.append((head, term, _row(columns)))
    finally:
        db.execute("COMMIT")
    return found


def _listed_keys(db: sqlite3.Connection, listing: Listing) -> list[int]:
    values: list[str | bytes] = [] if listing.user_id is None else [listing.user_id]
    before = listing.before
    if before is not None:
        values += [before.last_active_at, before.last_active_at, before.session_id]
    whose, behind = "" if listing.user_id is None else _WHOSE, "" if before is None else _BEHIND
    holding = _HOLDING if listing.holding else ""
    values += [listing.holding] if listing.holding else []
    listed = "" if listing.listed is None else _LISTED_SO
    values += [] if listing.listed is None else [listing.listed]
    cursor = db.execute(_LIST.format(whose=whose, behind=behind, holding=holding, listed=listed), values)
    wanted = listing.search.casefold()
    keys: list[int] = []
    size = 0
    try:
        for key, title, pending in cursor:
            if listing.most is not None and len(keys) >= listing.most:
                break
            # SQLite itself knows upper and lower case of ASCII alone.
            if wanted not in title.casefold():
                continue
            keys.append(key)
            size += pending
            if listing.max_bytes is not None and size > listing.max_bytes:
                break
    finally:
        cursor.close()
    return keys


def stored(db: sqlite3.Connection, user_id: str) -> Stored:
    """See `Journal.stored`."""
    return Stored(*db.execute(STORED, (user_id,)).fetchone())


def spent(db: sqlite3.Connection, user_id: str, day: str) -> Spent:
    """See `Journal.spent`."""
    return Spent(user_id, day, *(db.execute(SPENT, (user_id, day)).fetchone() or (0, 0)))


def instructions(db: sqlite3.Connection, user_id: str) -> str:
    """See `Journal.instructions`."""
    found = db.execute(INSTRUCTIONS, (user_id,)).fetchone()
    return "" if found is None else str(found[0])


def unfinished(db: sqlite3.Connection) -> list[str]:
    """See `Journal.unfinished`."""
    return [session_id for (session_id,) in db.execute(_UNFINISHED)]


def stale(db: sqlite3.Connection, before: str, empty_before: str, most: int) -> list[str]:
    """See `Journal.stale`."""
    return [session_id for (session_id,) in db.execute(_STALE, (before, empty_before, most))]


def unexported(db: sqlite3.Connection, most: int, not_of: frozenset[str], but: frozenset[str]) -> list[Found]:
    """Head, term and row of each; see `Journal.unexported`."""
    found: dict[str, tuple[int, int, SessionRow]] = {}
    cursor = db.execute(_UNEXPORTED)
    try:
        for head, term, *columns in cursor:
            if len(found) >= most:
                break
            row = _row(columns)
            if row.user_id not in not_of and row.user_id not in found and row.session_id not in but:
                found[row.user_id] = (head, term, row)
    finally:
        cursor.close()
    return list(found.values())


def claims(db: sqlite3.Connection, session_id: str | None) -> list[HeldClaim]:
    """See `Journal.claims`."""
    found = db.execute(_CLAIMS) if session_id is None else db.execute(_CLAIMS_OF_SESSION, (session_id,))
    return [HeldClaim(*columns) for columns in found]


def good_position(db: sqlite3.Connection, session_id: str, epoch: str, seq: int) -> bool:
    """See `Journal.good_position`; `seq` is above 0."""
    found = db.execute(_POSITION, (epoch, session_id)).fetchone()
    if found is None:
        raise missing(db, session_id)
    head, ordinal, following, first_seq = found
    if ordinal is None or seq > head:
        return False
    if following is None:
        return True
    # A session without a start in the epoch that followed was made in it or later: it had no position before.
    return first_seq is not None and seq < first_seq


def check_there(db: sqlite3.Connection, session_id: str) -> None:
    """Raise `Deleted` or `NotFound` unless there is such a session."""
    found = db.execute("SELECT deleted FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
    if found is None or found[0]:
        raise missing(db, session_id)


def missing(db: sqlite3.Connection, session_id: str) -> Deleted | NotFound:
    """Why there is no such session."""
    found = db.execute("SELECT 1 FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
    if found is None:
        return NotFound(f"there is no session {session_id}")
    return Deleted(f"session {session_id} was deleted")


def _row(columns: Iterable[Any]) -> SessionRow:
    row = SessionRow(*columns)
    return structs.replace(row, unfinished=bool(row.unfinished))
