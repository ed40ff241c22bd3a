"""Reading for followers: what other nodes stored, of many sessions or users in one statement; and that there are followers."""

from collections.abc import Sequence

from psycopg import pq

from server.journal.base import READ_BYTES_MAX, READ_RECORDS_MAX, Record, Spent
from server.journal.postgres import packing
from server.journal.postgres.errors import error_of
from server.journal.postgres.rows import encode
from server.journal.postgres.schema import Connection

_HEADS = "SELECT session_id, head FROM sessions WHERE session_id = ANY(%s::bytea[]) AND NOT deleted"
_DELETED = "SELECT session_id FROM sessions WHERE session_id = ANY(%s::bytea[]) AND deleted"
_READ = f"""
    SELECT w.session_id, e.seq, e.span, e.data
    FROM unnest($1::bytea[], $2::bigint[]) AS w(session_id, after)
    JOIN sessions s ON s.session_id = w.session_id AND NOT s.deleted
    CROSS JOIN LATERAL (
        SELECT seq, span, data FROM (
            SELECT seq, span, data, sum(length(data)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total FROM (
                SELECT seq, span, data FROM events WHERE session = s.key AND seq > w.after
                ORDER BY seq LIMIT {READ_RECORDS_MAX}
            ) AS next
        ) AS counted WHERE total <= {READ_BYTES_MAX} OR total = length(data)
    ) AS e ORDER BY w.session_id, e.seq
""".encode()
_READ_NAME, _READ_TYPES = b"read_after", [packing.BYTEA_ARRAY, packing.INT8_ARRAY]


_TO_TELL = """
    SELECT key, session_id FROM sessions
    WHERE session_id = ANY(%s::bytea[]) AND NOT deleted AND followed_at < clock_timestamp() - interval '30 seconds'
"""
"""One that was told of just now need not be written again: clients may come back often."""
_FOLLOW = f"""
    UPDATE sessions SET followed_at = clock_timestamp()
    WHERE key IN (SELECT key FROM ({_TO_TELL} FOR NO KEY UPDATE SKIP LOCKED) free)
"""
"""It waits for no row: an append of another node locks those of its sessions in its own order, and each would wait for the other."""
_UNFOLLOWED = """
    SELECT session_id FROM sessions
    WHERE session_id = ANY(%s::bytea[]) AND NOT deleted AND followed_at < clock_timestamp() - %s * interval '1 second'
    ORDER BY followed_at
"""
_SPENT = "SELECT user_id, tokens, microdollars FROM spending WHERE day = %s AND user_id = ANY(%s::bytea[])"


def follow(connection: Connection, session_ids: Sequence[str]) -> list[str]:
    """See `Nodes.follow`."""
    encoded = [*map(encode, session_ids)]
    connection.execute(_FOLLOW, (encoded,))
    return [session_id.decode() for _, session_id in connection.execute(_TO_TELL, (encoded,), binary=True)]


def unfollowed(connection: Connection, session_ids: Sequence[str], for_s: float) -> list[str]:
    """See `Nodes.unfollowed`."""
    found = connection.execute(_UNFOLLOWED, ([*map(encode, session_ids)], for_s), binary=True)
    return [session_id.decode() for (session_id,) in found]


def spent(connection: Connection, user_ids: Sequence[str], day: str) -> list[Spent]:
    """See `Nodes.spent`."""
    found = connection.execute(_SPENT, (encode(day), [*map(encode, user_ids)]), binary=True)
    return [Spent(user_id.decode(), day, tokens, microdollars) for user_id, tokens, microdollars in found]


def heads(connection: Connection, session_ids: Sequence[str]) -> dict[str, int]:
    """See `Nodes.heads`."""
    found = connection.execute(_HEADS, ([*map(encode, session_ids)],), binary=True)
    return {session_id.decode(): head for session_id, head in found}


def deleted(connection: Connection, session_ids: Sequence[str]) -> list[str]:
    """See `Nodes.deleted`."""
    found = connection.execute(_DELETED, ([*map(encode, session_ids)],), binary=True)
    return [session_id.decode() for (session_id,) in found]


def prepare(connection: Connection) -> None:
    """Have `read_after` at hand in this connection. Raises psycopg.Error."""
    result = connection.pgconn.prepare(_READ_NAME, _READ, _READ_TYPES)
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise error_of(result)


def read_after(connection: Connection, wanted: Sequence[tuple[str, int]]) -> dict[str, list[Record]]:
    """See `Nodes.read_after`. Past the driver's cursor, which takes twice the CPU: it is asked for each event that is followed."""
    values = [packing.byteas([encode(session_id) for session_id, _ in wanted]), packing.int8s([at for _, at in wanted])]
    if connection.prepare_threshold is None:  # through a pooler, where nothing is prepared
        result = connection.pgconn.exec_params(_READ, values, _READ_TYPES, [1, 1], 1)
    else:
        result = connection.pgconn.exec_prepared(_READ_NAME, values, [1, 1], 1)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise error_of(result)
    value, number = result.get_value, packing.read_int8
    records: dict[str, list[Record]] = {}
    for row in range(result.ntuples):
        session_id, seq = (value(row, 0) or b"").decode(), number(value(row, 1))
        records.setdefault(session_id, []).append(Record(seq, seq - number(value(row, 2)), value(row, 3) or b""))
    return records
