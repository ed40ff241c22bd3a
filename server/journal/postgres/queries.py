"""PostgreSQL queries: what the reader threads read. Each is one statement, so each answer is of one moment."""

from typing import Any

from server.journal.base import (
    Deleted,
    HeldClaim,
    IdempotencyRecord,
    NotFound,
    PrivateRecord,
    Record,
    Spent,
    Stored,
)
from server.journal.postgres.membership import LIVES
from server.journal.postgres.rows import (
    CLAIM_COLUMNS,
    READ_COLUMNS,
    SEQ_MAX,
    encode,
    fold,
    held_claim,
    records,
    session_row,
)
from server.journal.postgres.schema import Connection
from server.journal.queries import Bounds, Found, Listing

_SESSION = "(SELECT key FROM sessions WHERE session_id = %s AND NOT deleted)"

_READ = f"""
    SELECT max(seq), array_agg(data), array_agg(seq) FILTER (WHERE span > 0), array_agg(span) FILTER (WHERE span > 0) FROM (
        SELECT seq, span, data, sum(length(data)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total FROM (
            SELECT seq, span, data FROM events WHERE session = {_SESSION} AND seq > %s
            ORDER BY seq LIMIT (SELECT %s::bigint)
        ) AS next
    ) AS counted
    WHERE (total <= %s OR total = length(data)) AND seq - span <= %s
"""
"""The length of a value is known without reading it, so what is above the bound stays where it is. The first comes in any case: its
length is all that was counted.

Arrays in the order of `counted`: the driver takes them apart in half the time that as many rows take. Positions follow from one
another, so those of merged records alone are sent, and the last. A limit that the planner does not know makes it read the index in
its order, where it may otherwise sort.
"""
_READ_PRIVATE = f"SELECT seq, data FROM private WHERE session = {_SESSION} AND seq > %s AND seq <= %s ORDER BY seq"
_STAT = f"SELECT head, term, {READ_COLUMNS} FROM sessions WHERE session_id = %s AND NOT deleted"
_ANSWER = f"SELECT digest, answer FROM submissions WHERE session = {_SESSION} AND submission_id = %s"
_SNAPSHOT = f"SELECT seq, data FROM snapshots WHERE session = {_SESSION}"
_LIST = f"""
    SELECT head, term, {READ_COLUMNS} FROM (
        SELECT *, sum(length(pending_approval)) OVER (
            ORDER BY last_active_at DESC, session_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before FROM sessions
        WHERE NOT deleted AND (%(user)s::bytea IS NULL OR user_id = %(user)s::bytea)
            AND (%(at)s::bytea IS NULL OR last_active_at < %(at)s::bytea
                OR (last_active_at = %(at)s::bytea AND session_id > %(after)s::bytea))
            AND position(%(search)s::bytea IN title_folded) > 0
            AND position(%(holding)s::bytea IN options) > 0
            AND (%(listed)s::bytea IS NULL OR listed = %(listed)s::bytea)
        ORDER BY last_active_at DESC, session_id LIMIT %(most)s::bigint
    ) AS listed
    WHERE %(bytes)s::bigint IS NULL OR coalesce(before, 0) <= %(bytes)s::bigint ORDER BY last_active_at DESC, session_id
"""
STORED = "SELECT count(*), coalesce(sum(bytes + files), 0)::bigint FROM sessions WHERE NOT deleted AND user_id = %s"
_INSTRUCTIONS = "SELECT told FROM instructions WHERE user_id = %s"
_SPENT = "SELECT tokens, microdollars FROM spending WHERE user_id = %s AND day = %s"
_UNFINISHED = "SELECT session_id FROM sessions WHERE unfinished AND NOT deleted ORDER BY last_active_at, session_id"
_AT_REST = "NOT deleted AND NOT unfinished AND state IN ('idle', 'closed')"
_STALE = f"""
    SELECT session_id FROM sessions s
    WHERE {_AT_REST} AND NOT {LIVES} AND listed <> 'pinned'
        AND (last_active_at < %s OR (message_count = 0 AND title = '' AND files = 0 AND listed = '' AND last_active_at < %s))
    ORDER BY last_active_at, session_id LIMIT %s
"""
_UNEXPORTED = f"""
    SELECT head, term, {READ_COLUMNS} FROM (
        SELECT DISTINCT ON (user_id) * FROM sessions s
        WHERE {_AT_REST} AND NOT {LIVES} AND message_count > 0 AND exported < head
            AND user_id <> ALL (%s::bytea[]) AND session_id <> ALL (%s::bytea[])
        ORDER BY user_id, last_active_at, session_id
    ) AS due ORDER BY last_active_at, session_id LIMIT %s
"""
_CLAIMS = f"""
    SELECT {CLAIM_COLUMNS} FROM claims WHERE %(of)s::bytea IS NULL OR session_id = %(of)s::bytea ORDER BY claimed_at, claim_id
"""
_POSITION = """
    SELECT s.head, s.made_in, given.ordinal,
        (SELECT min(first_seq) FROM epoch_starts t WHERE t.session = s.key AND t.ordinal > given.ordinal)
    FROM sessions s LEFT JOIN epochs given ON given.epoch = %s
    WHERE s.session_id = %s AND NOT s.deleted
"""


def read(connection: Connection, session_id: str, bounds: Bounds) -> list[Record]:
    """See `Journal.read`."""
    after, through, max_records, max_bytes = bounds
    through = SEQ_MAX if through is None else through
    values = (encode(session_id), min(after, SEQ_MAX), max(1, max_records), max_bytes, through)
    found = connection.execute(_READ.encode(), values, binary=True, prepare=True).fetchone()
    assert found is not None
    last, data, merged, spans = found
    if last is None:
        check_there(connection, session_id)
        return []
    return records(session_id, after, last, data, dict(zip(merged or (), spans or (), strict=True)))


def read_private(connection: Connection, session_id: str, after: int, through: int) -> list[PrivateRecord]:
    """See `Journal.read_private`."""
    found = connection.execute(_READ_PRIVATE.encode(), (encode(session_id), after, through), binary=True).fetchall()
    if not found:
        check_there(connection, session_id)
    return [PrivateRecord(*row) for row in found]


def stat(connection: Connection, session_id: str) -> Found:
    """The head, the term and the row."""
    found = connection.execute(_STAT.encode(), (encode(session_id),), binary=True).fetchone()
    if found is None:
        raise missing(connection, session_id)
    return _found(found)


def answer(connection: Connection, session_id: str, submission_id: str) -> IdempotencyRecord | None:
    """See `Journal.answer`."""
    found = connection.execute(_ANSWER.encode(), (encode(session_id), encode(submission_id)), binary=True).fetchone()
    if found is None:
        check_there(connection, session_id)
        return None
    return IdempotencyRecord(submission_id, *found)


def snapshot(connection: Connection, session_id: str) -> tuple[int, bytes] | None:
    """See `Journal.snapshot`."""
    found = connection.execute(_SNAPSHOT.encode(), (encode(session_id),), binary=True).fetchone()
    if found is None:
        check_there(connection, session_id)
        return None
    seq, data = found
    return seq, data


def list_sessions(connection: Connection, listing: Listing) -> list[Found]:
    """Head, term and row of each; see `Journal.list`."""
    before = listing.before
    values = {
        "user": None if listing.user_id is None else encode(listing.user_id),
        "at": None if before is None else encode(before.last_active_at),
        "after": None if before is None else encode(before.session_id),
        "search": fold(listing.search),
        "holding": listing.holding,
        "listed": None if listing.listed is None else encode(listing.listed),
        "most": listing.most,
        "bytes": listing.max_bytes,
    }
    return [_found(row) for row in connection.execute(_LIST.encode(), values, binary=True)]


def stored(connection: Connection, user_id: str) -> Stored:
    """See `Journal.stored`."""
    found = connection.execute(STORED, (encode(user_id),)).fetchone()
    assert found is not None
    return Stored(*found)


def spent(connection: Connection, user_id: str, day: str) -> Spent:
    """See `Journal.spent`."""
    found = connection.execute(_SPENT, (encode(user_id), encode(day))).fetchone()
    return Spent(user_id, day, *(found or (0, 0)))


def instructions(connection: Connection, user_id: str) -> str:
    """See `Journal.instructions`."""
    found = connection.execute(_INSTRUCTIONS, (encode(user_id),), binary=True).fetchone()
    return "" if found is None else bytes(found[0]).decode()


def unfinished(connection: Connection) -> list[str]:
    """See `Journal.unfinished`."""
    return [session_id.decode() for (session_id,) in connection.execute(_UNFINISHED, binary=True)]


def stale(connection: Connection, before: str, empty_before: str, most: int) -> list[str]:
    """See `Journal.stale`."""
    values = (encode(before), encode(empty_before), most)
    return [session_id.decode() for (session_id,) in connection.execute(_STALE.encode(), values, binary=True)]


def unexported(connection: Connection, most: int, not_of: frozenset[str], but: frozenset[str]) -> list[Found]:
    """Head, term and row of each; see `Journal.unexported`."""
    values = (list(map(encode, not_of)), list(map(encode, but)), most)
    return [_found(row) for row in connection.execute(_UNEXPORTED.encode(), values, binary=True)]


def claims(connection: Connection, session_id: str | None) -> list[HeldClaim]:
    """See `Journal.claims`."""
    values = {"of": None if session_id is None else encode(session_id)}
    return [held_claim(row) for row in connection.execute(_CLAIMS.encode(), values, binary=True)]


def good_position(connection: Connection, session_id: str, epoch: str, seq: int) -> bool:
    """See `Journal.good_position`; `seq` is above 0.

    A session's start in an epoch is stored with the first that it appends there. One without a start in any later epoch has
    everything that it had, up to its head; one made later had no position.
    """
    found = connection.execute(_POSITION, (encode(epoch), encode(session_id))).fetchone()
    if found is None:
        raise missing(connection, session_id)
    head, made_in, ordinal, first_seq = found
    if ordinal is None or made_in > ordinal or seq > head:
        return False
    return first_seq is None or seq < int(first_seq)


def check_there(connection: Connection, session_id: str) -> None:
    """Raise `Deleted` or `NotFound` unless there is such a session."""
    found = connection.execute("SELECT deleted FROM sessions WHERE session_id = %s", (encode(session_id),)).fetchone()
    if found is None or found[0]:
        raise missing(connection, session_id)


def missing(connection: Connection, session_id: str) -> Deleted | NotFound:
    """Why there is no such session."""
    if connection.execute("SELECT 1 FROM sessions WHERE session_id = %s", (encode(session_id),)).fetchone() is None:
        return NotFound(f"there is no session {session_id}")
    return Deleted(f"session {session_id} was deleted")


def _found(row: tuple[Any, ...]) -> Found:
    head, term, *columns = row
    return head, term, session_row(columns)
