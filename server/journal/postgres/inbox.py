"""Inbox on PostgreSQL: the rows of submissions that wait for a session's owner. The append that accepts one removes its row.

Beside it is what sessions' clients gave, of which the owner is told by such a row.
"""

from collections.abc import Sequence

import msgspec

from server.journal.base import Unavailable
from server.journal.nodes.inbox import READ_MAX, RENEW, WAITING_MAX, Forwarded, Put, Waiting
from server.journal.postgres import membership
from server.journal.postgres.appends import find
from server.journal.postgres.rows import encode
from server.journal.postgres.schema import Connection

_PUT = f"""
    INSERT INTO inbox AS i (session, submission_id, digest, data, from_node)
    SELECT %(session)s, %(id)s, %(digest)s, %(data)s, %(node)s
    WHERE (SELECT count(*) FROM inbox w WHERE w.session = %(session)s) < {WAITING_MAX}
    ON CONFLICT (session, submission_id) DO UPDATE SET from_node = excluded.from_node WHERE i.digest = excluded.digest
    RETURNING i.number
"""
_IS_THERE = "SELECT 1 FROM inbox WHERE session = %s AND submission_id = %s"
_READ = f"""
    SELECT i.number, s.session_id, i.submission_id, i.from_node, i.data FROM inbox i JOIN sessions s ON s.key = i.session
    WHERE s.owner = %s AND NOT s.deleted AND i.number <> ALL(%s::bigint[]) ORDER BY i.number LIMIT {READ_MAX}
"""
_GIVE = """
    INSERT INTO given (session, sealed) VALUES (%s, %s) ON CONFLICT (session) DO UPDATE SET sealed = excluded.sealed
"""
_GIVE_NOTHING = "DELETE FROM given WHERE session = %s"
_GIVEN = "SELECT g.sealed FROM given g JOIN sessions s ON s.key = g.session WHERE s.session_id = %s AND NOT s.deleted"
_REMOVE = "DELETE FROM inbox WHERE number = ANY(%s::bigint[])"


def put(connection: Connection, node: int, session_id: str, submission_id: str, forwarded: Forwarded) -> Put:
    """See `Nodes.forward`."""
    key = find(connection, session_id).key
    values = {
        "session": key,
        "id": encode(submission_id),
        "digest": forwarded.digest,
        "data": msgspec.json.encode(forwarded),
        "node": node,
    }
    if connection.execute(_PUT.encode(), values).fetchone() is not None:
        return "waits"
    there = connection.execute(_IS_THERE, (key, encode(submission_id))).fetchone()
    return "full" if there is None else "conflict"


def give(connection: Connection, node: int, session_id: str, sealed: bytes, word: str) -> int | None:
    """See `Nodes.give`. The node that is told, if another owns the session."""
    with connection.transaction():
        key = find(connection, session_id, "FOR UPDATE").key  # nobody takes the session meanwhile without seeing it
        if sealed:
            connection.execute(_GIVE, (key, sealed))
        else:
            connection.execute(_GIVE_NOTHING, (key,))
        owner = membership.owner(connection, session_id)
        if owner is None or owner == node:
            return None
        if put(connection, node, session_id, word, Forwarded(b"", RENEW, "", "")) != "waits":
            raise Unavailable(f"session {session_id}: too much waits for its server; try again")
        return owner


def given(connection: Connection, session_id: str) -> bytes:
    """See `Nodes.given`."""
    found = connection.execute(_GIVEN, (encode(session_id),), binary=True).fetchone()
    return b"" if found is None else bytes(found[0])


def read(connection: Connection, node: int, but: Sequence[int]) -> list[Waiting]:
    """See `Nodes.waiting`."""
    return [
        Waiting(
            number, session_id.decode(), submission_id.decode(), from_node, msgspec.json.decode(data, type=Forwarded)
        )
        for number, session_id, submission_id, from_node, data in connection.execute(
            _READ.encode(), (node, [*but]), binary=True
        )
    ]


def waits(connection: Connection, session_id: str, submission_id: str) -> bool:
    """See `Nodes.waits`."""
    return (
        connection.execute(_IS_THERE, (find(connection, session_id).key, encode(submission_id))).fetchone() is not None
    )


def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """See `Nodes.remove`."""
    connection.execute(_REMOVE, ([*numbers],))
