"""PostgreSQL transactions: the operations that change stored sessions, apart from appends, and what they refuse.

Each is one transaction, or one statement. A refusal (a `JournalError`) leaves nothing behind. Any psycopg.Error means that it is
not known what was stored.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from server.journal.base import (
    Conflict,
    Deleted,
    HeldClaim,
    Lease,
    NotFound,
    Record,
    SessionRow,
    StorageBounds,
    Stored,
    Unavailable,
)
from server.journal.errors import check_room, follow
from server.journal.nodes.base import OwnedElsewhere
from server.journal.nodes.inbox import Forwarded, Put
from server.journal.postgres import inbox, membership
from server.journal.postgres.appends import Appender, find, find_leased
from server.journal.postgres.link import Link
from server.journal.postgres.queries import STORED
from server.journal.postgres.rows import CLAIM_COLUMNS, ROW_COLUMNS, claim_values, encode, row_values
from server.journal.postgres.schema import Connection

_CREATE = f"""
    INSERT INTO sessions ({ROW_COLUMNS}, title_folded, made_in, owner) VALUES ({"%s, " * 13} %s) ON CONFLICT DO NOTHING RETURNING key
"""
_ROOM = "SELECT pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 1))"
"""A lock of the user: between the count and the insertion no other session of theirs is made."""
_ACQUIRE = """
    UPDATE sessions SET term = term + 1, term_head = head, owner = %s
    WHERE session_id = %s AND NOT deleted AND term = %s AND owner IS NOT DISTINCT FROM %s RETURNING term
"""
"""Only the session's own row decides: where this waits for its lock, the rows of nodes are as they were before."""
_RELEASE = "UPDATE sessions SET owner = NULL WHERE session_id = %s AND term = %s AND owner IS NOT NULL"
_BORDERS = """
    SELECT min(seq - span), max(seq), coalesce(sum(length(data)), 0)::bigint FROM events
    WHERE session = %s AND seq BETWEEN %s AND %s
"""
_DELETE_EVENTS = "DELETE FROM events WHERE session = %s AND seq BETWEEN %s AND %s"
_INSERT_EVENTS = "INSERT INTO events (session, seq, span, data) VALUES (%s, %s, %s, %s)"
_ADD_BYTES = "UPDATE sessions SET bytes = bytes + %s WHERE key = %s"
_SNAPSHOT = """
    INSERT INTO snapshots (session, seq, data) VALUES (%s, %s, %s)
    ON CONFLICT (session) DO UPDATE SET seq = excluded.seq, data = excluded.data
"""
_TOMBSTONE = """
    WITH gone AS (
        UPDATE sessions SET deleted = true, deleted_at = clock_timestamp(), bytes = 0, files = 0, user_id = '', title = '',
            title_folded = '', model = '', message_count = 0, state = 'closed', pending_approval = '', unfinished = false, options = '',
            listed = ''
        WHERE session_id = %s AND NOT deleted RETURNING key
    )
    INSERT INTO purges (session) SELECT key FROM gone
"""
_FILES = "UPDATE sessions SET files = %s WHERE session_id = %s AND NOT deleted"
_LIST_AS = "UPDATE sessions SET listed = %s WHERE session_id = %s AND NOT deleted"
_FORGET = """
    WITH gone AS (
        DELETE FROM sessions WHERE key IN (
            SELECT key FROM sessions WHERE deleted AND deleted_at < %s::timestamptz AND key NOT IN (SELECT session FROM purges)
            ORDER BY deleted_at LIMIT %s
        ) RETURNING key, session_id
    ),
    late AS (DELETE FROM inbox WHERE session IN (SELECT key FROM gone))
    SELECT session_id FROM gone
"""
"""`late`: what another server forwarded while the session was emptied."""
_CLAIM_OF = "SELECT session_id FROM claims WHERE claim_id = %s"
_CLAIM = f"""
    INSERT INTO claims ({CLAIM_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (claim_id) DO UPDATE SET user_id = excluded.user_id, kind = excluded.kind, detail = excluded.detail
"""
_INSTRUCT = "INSERT INTO instructions VALUES (%s, %s) ON CONFLICT (user_id) DO UPDATE SET told = excluded.told"
_EXPORTED = "UPDATE sessions SET exported = greatest(exported, %s) WHERE key = %s"
_PURGED = "SELECT session FROM purges LIMIT 1 FOR UPDATE SKIP LOCKED"
_PURGE = "DELETE FROM {0} WHERE session = %s AND seq IN (SELECT seq FROM {0} WHERE session = %s ORDER BY seq LIMIT %s)"
_PURGE_REST = (
    "DELETE FROM submissions WHERE session = %s",
    "DELETE FROM inbox WHERE session = %s",
    "DELETE FROM given WHERE session = %s",
    "DELETE FROM snapshots WHERE session = %s",
    "DELETE FROM epoch_starts WHERE session = %s",
    "DELETE FROM purges WHERE session = %s",
)


T = TypeVar("T")

Node = Callable[[], int | None]
"""Gives the number of this node."""


class Transactions:
    """Operations through one link, by the writer's thread."""

    def __init__(self, link: Link, appender: Appender, node: Node) -> None:
        """`node`: gives this node's number; None where one server has the database."""
        self.appender = appender
        self._link = link
        self._node = node

    def create(self, row: SessionRow, bounds: StorageBounds | None) -> Lease:
        """See `Journal.create`."""
        values = row_values(row)
        with self._link as connection, connection.transaction():
            if bounds is not None:
                connection.execute(_ROOM, (encode(row.user_id),))
            self._refuse_known(connection, row.session_id)
            if bounds is not None:
                _check_room(connection, row.user_id, bounds)
            made = connection.execute(_CREATE.encode(), (*values, self.appender.epoch.ordinal, self._node())).fetchone()
            if made is None:
                raise Conflict(f"there is a session {row.session_id} already")
        return Lease(row.session_id, 1)

    def acquire(self, session_id: str) -> Lease:
        """See `Journal.acquire`. The row's lock makes appends of older terms come before it or after it."""
        node = self._node()
        with self._link as connection:
            seen = connection.execute(membership.OWNER, (encode(session_id),)).fetchone()
            if seen is None:
                find(connection, session_id)
                raise Unavailable(f"session {session_id} changed meanwhile: try again")
            term, owner, lives = seen
            if lives and node is not None and owner != node:
                raise OwnedElsewhere(f"session {session_id} is owned by another node")
            found = connection.execute(_ACQUIRE, (node, encode(session_id), term, owner)).fetchone()
            if found is None:
                raise Unavailable(f"session {session_id} changed meanwhile: try again")
        return Lease(session_id, int(found[0]))

    def release(self, lease: Lease) -> None:
        """See `Journal.release`."""
        with self._link as connection:
            connection.execute(_RELEASE, (encode(lease.session_id), lease.term))

    def forward(self, node: int, session_id: str, submission_id: str, forwarded: Forwarded) -> Put:
        """See `Nodes.forward`."""
        with self._link as connection:
            return inbox.put(connection, node, session_id, submission_id, forwarded)

    def run(self, call: Callable[[Connection], T]) -> T:
        """What a call that needs nothing of a journal does through the link."""
        with self._link as connection:
            return call(connection)

    def remove(self, numbers: Sequence[int]) -> None:
        """See `Nodes.remove`."""
        with self._link as connection:
            inbox.remove(connection, numbers)

    def merge(self, lease: Lease, lo: int, hi: int, records: Sequence[Record]) -> None:
        """See `Journal.merge`."""
        with self._link as connection, connection.transaction():
            key = find_leased(connection, lease, "FOR UPDATE").key
            if not records or follow(records, lo - 1) != hi:
                raise Conflict(f"the records do not stand for exactly {lo}..{hi}")
            found: tuple[Any, ...] | None = connection.execute(_BORDERS, (key, lo, hi)).fetchone()
            assert found is not None
            if found[:2] != (lo, hi):
                raise Conflict(f"session {lease.session_id} has no records that make up exactly {lo}..{hi}")
            connection.execute(_DELETE_EVENTS, (key, lo, hi))
            rows = [(key, record.seq, record.seq - record.first_seq, record.data) for record in records]
            if len(rows) == 1:
                connection.execute(_INSERT_EVENTS, rows[0])
            else:
                connection.cursor().executemany(_INSERT_EVENTS, rows)
            connection.execute(_ADD_BYTES, (sum(len(record.data) for record in records) - found[2], key))

    def put_snapshot(self, lease: Lease, seq: int, data: bytes) -> None:
        """See `Journal.put_snapshot`."""
        with self._link as connection, connection.transaction():
            standing = find_leased(connection, lease, "FOR UPDATE")
            if not 0 <= seq <= standing.head:
                raise Conflict(
                    f"session {lease.session_id} stands at {standing.head}: there can be no snapshot of {seq}"
                )
            connection.execute(_SNAPSHOT, (standing.key, seq, data))

    def delete(self, session_id: str) -> None:
        """See `Journal.delete`. The tombstone is written at once; the session's data is removed in small steps: `purge`."""
        with self._link as connection:
            if not connection.execute(_TOMBSTONE, (encode(session_id),)).rowcount:
                try:
                    find(connection, session_id)
                except Deleted:
                    return

    def list_as(self, session_id: str, listed: str) -> None:
        """See `Journal.list_as`."""
        with self._link as connection:
            if not connection.execute(_LIST_AS, (encode(listed), encode(session_id))).rowcount:
                find(connection, session_id)

    def files_measured(self, session_id: str, size: int) -> None:
        """See `Journal.files_measured`."""
        with self._link as connection:
            if not connection.execute(_FILES, (size, encode(session_id))).rowcount:
                find(connection, session_id)

    def forget_deleted(self, before: str, most: int) -> int:
        """See `Journal.forget_deleted`. A session whose events are not all removed yet keeps its tombstone."""
        with self._link as connection:
            found = connection.execute(_FORGET, (before, most), binary=True).fetchall()
        for (session_id,) in found:
            self.appender.forget(session_id.decode())
        return len(found)

    def claim(self, claim: HeldClaim) -> None:
        """See `Journal.claim`."""
        values = claim_values(claim)
        with self._link as connection, connection.transaction():
            row = connection.execute(_CLAIM_OF, (values[0],), binary=True).fetchone()
            if row is None:
                find(connection, claim.session_id, "FOR SHARE")
            elif row[0] != values[1]:
                raise Conflict(f"claim {claim.claim_id} is of session {row[0].decode()}, not of {claim.session_id}")
            connection.execute(_CLAIM.encode(), values)

    def release_claim(self, claim_id: str) -> None:
        """See `Journal.release_claim`."""
        with self._link as connection:
            connection.execute("DELETE FROM claims WHERE claim_id = %s", (encode(claim_id),))

    def instruct(self, user_id: str, text: str) -> None:
        """See `Journal.instruct`."""
        with self._link as connection:
            connection.execute(_INSTRUCT, (encode(user_id), encode(text)))

    def exported(self, session_id: str, seq: int) -> None:
        """See `Journal.exported`."""
        with self._link as connection, connection.transaction():
            standing = find(connection, session_id, "FOR UPDATE")
            if not 0 <= seq <= standing.head:
                raise Conflict(f"session {session_id} stands at {standing.head}: nobody can have a copy of {seq}")
            connection.execute(_EXPORTED, (seq, standing.key))

    def purge(self, most: int) -> bool:
        """Remove up to `most` events, and as many private records, of deleted sessions; whether there is more to do."""
        with self._link as connection, connection.transaction():
            row = connection.execute(_PURGED).fetchone()
            if row is None:
                return False
            removed = [
                connection.execute(_PURGE.format(table).encode(), (*row, *row, most)).rowcount
                for table in ("events", "private")
            ]
            if max(removed) < most:
                for statement in _PURGE_REST:
                    connection.execute(statement.encode(), row)
        return True

    def _refuse_known(self, connection: Connection, session_id: str) -> None:
        try:
            find(connection, session_id)
        except NotFound:
            return
        raise Conflict(f"there is a session {session_id} already")


def _check_room(connection: Connection, user_id: str, bounds: StorageBounds) -> None:
    found = connection.execute(STORED, (encode(user_id),)).fetchone()
    assert found is not None
    check_room(Stored(*found), bounds)
