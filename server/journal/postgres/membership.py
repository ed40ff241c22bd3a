"""Membership: the rows of nodes, and which of them owns a session. Each is one statement, by the clock of the database."""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from server import __version__
from server.journal.nodes.listing import Load, NodeSeen
from server.journal.postgres.rows import encode
from server.journal.postgres.schema import Connection
from server.util.clock import rfc3339

FORGET_S = 3_600.0
"""How long the row of a dead node is kept, for who looks what happened. One that has no row is dead too."""

_JOIN = """
    INSERT INTO nodes (node, name, version, speaks, good_until)
    VALUES (%s, %s, %s, %s, clock_timestamp() + %s * interval '1 second')
"""
_FIRST = "(SELECT node FROM nodes WHERE NOT dead AND NOT draining ORDER BY joined_at, node LIMIT 1)"
_BEAT = f"""
    UPDATE nodes SET good_until = clock_timestamp() + %s * interval '1 second', beat_at = clock_timestamp(), sessions = %s, sockets = %s, settings = %s,
        room = %s, draining = %s
    WHERE node = %s AND NOT dead
    RETURNING (SELECT count(*) FROM nodes WHERE NOT dead), {_FIRST}, (SELECT epoch FROM meta),
        (SELECT min(speaks) FROM nodes WHERE NOT dead)
"""
ENDED_MAX = 20
"""Nodes that ended which are listed: one that is refused at its start and started again by a supervisor is another one each time."""

_OTHERS = "SELECT node, name FROM nodes WHERE NOT dead AND good_until > clock_timestamp() AND node <> %s"
_LATE = "SELECT node, name FROM nodes WHERE NOT dead AND good_until <= clock_timestamp() AND node <> %s"
_OTHERS_STAY = f"SELECT EXISTS ({_OTHERS} AND NOT draining)"
_ROOM_ELSEWHERE = f"SELECT EXISTS ({_OTHERS} AND NOT draining AND room > 0)"
_DECLARE = "UPDATE nodes SET dead = true WHERE NOT dead AND good_until < clock_timestamp() RETURNING node, name"
_LEAVE = "UPDATE nodes SET dead = true, good_until = clock_timestamp() WHERE node = %s"
_EVERYBODY = f"""
    SELECT node, name, version, CASE WHEN dead THEN 'dead' WHEN good_until < clock_timestamp() THEN 'late'
        WHEN draining THEN 'draining' ELSE 'alive' END,
        joined_at AT TIME ZONE 'UTC', beat_at AT TIME ZONE 'UTC',
        greatest(0, extract(epoch FROM clock_timestamp() - beat_at))::float8, sessions, sockets,
        node IS NOT DISTINCT FROM {_FIRST}, settings
    FROM nodes WHERE NOT dead OR node IN (SELECT node FROM nodes WHERE dead ORDER BY beat_at DESC LIMIT {ENDED_MAX})
    ORDER BY dead, CASE WHEN dead THEN beat_at END DESC, joined_at, node
"""
_OWNERS = """
    SELECT s.session_id, n.name FROM sessions s JOIN nodes n ON n.node = s.owner AND NOT n.dead
    WHERE s.session_id = ANY(%s) AND NOT s.deleted
"""
LIVES = "EXISTS (SELECT FROM nodes n WHERE n.node = s.owner AND NOT n.dead)"
_WORKING = f"""
    SELECT count(*) FROM sessions s WHERE s.user_id = %s AND s.unfinished AND NOT s.deleted AND s.owner <> %s AND {LIVES}
"""
_FORGET = "DELETE FROM nodes WHERE dead AND good_until < clock_timestamp() - %s * interval '1 second'"
OWNER = f"SELECT s.term, s.owner, {LIVES} FROM sessions s WHERE s.session_id = %s AND NOT s.deleted"
"""A session's term, its owner, and whether that lives."""
_ORPHANS = f"""
    SELECT s.session_id FROM sessions s
    WHERE s.unfinished AND NOT s.deleted AND NOT {LIVES}
    UNION SELECT s.session_id FROM sessions s
    WHERE s.key IN (SELECT session FROM inbox) AND NOT s.deleted AND NOT {LIVES} LIMIT %s
"""


class Seen(NamedTuple):
    """What a beat found: how many nodes live, which of those that do not drain for longest (None: all drain), the ordinal of the epoch,
    and the version of events that all know which live.
    """

    living: int
    first: int | None
    epoch: int
    spoken: int


class Node(msgspec.Struct, frozen=True):
    """A node, with its name for people."""

    number: int
    name: str


def new_number() -> int:
    """A number for a node. It is random, so that none comes twice, whatever the database may forget."""
    return secrets.randbits(62) + 1


def join(connection: Connection, number: int, name: str, speaks: int, lease_s: float) -> None:
    """Be one of the nodes, and live for a lease. `speaks`: the version of events that it knows."""
    connection.execute(_JOIN, (number, encode(name), encode(__version__), speaks, lease_s))


def beat(connection: Connection, number: int, load: Load, lease_s: float, *, draining: bool) -> Seen | None:
    """Live for another lease; None if the node was declared dead."""
    found = connection.execute(_BEAT, (lease_s, *load, draining, number)).fetchone()
    return None if found is None else Seen(*found)


def declare(connection: Connection) -> list[Node]:
    """Declare those dead whose lease is over."""
    found = connection.execute(_DECLARE, binary=True).fetchall()
    if found:
        connection.execute(_FORGET, (FORGET_S,))
    return [Node(number, name.decode()) for number, name in found]


def others(connection: Connection, number: int) -> list[Node]:
    """The other nodes whose lease is not over."""
    return [Node(one, name.decode()) for one, name in connection.execute(_OTHERS, (number,), binary=True)]


def late(connection: Connection, number: int) -> list[Node]:
    """The other nodes whose lease is over, and of which nobody knows whether they are lost."""
    return [Node(one, name.decode()) for one, name in connection.execute(_LATE, (number,), binary=True)]


def others_stay(connection: Connection, number: int) -> bool:
    """Whether another node lives that is not about to stop."""
    found = connection.execute(_OTHERS_STAY.encode(), (number,)).fetchone()
    return found is not None and bool(found[0])


def room_elsewhere(connection: Connection, number: int) -> bool:
    """Whether another node lives that said with its last beat that it could wake a session."""
    found = connection.execute(_ROOM_ELSEWHERE.encode(), (number,)).fetchone()
    return found is not None and bool(found[0])


def leave(connection: Connection, number: int) -> None:
    """Be dead from now on: others need not wait."""
    connection.execute(_LEAVE, (number,))


def everybody(connection: Connection) -> list[NodeSeen]:
    """See `Nodes.everybody`."""
    return [
        NodeSeen(
            number=number,
            name=name.decode(),
            version=version.decode(),
            state=state,
            started_at=rfc3339(joined_at),
            last_beat_at=rfc3339(beat_at),
            beat_age_s=age_s,
            sessions=sessions,
            sockets=sockets,
            duties=duties,
            settings=msgspec.json.decode(settings or b"{}", type=dict[str, str]),
        )
        for number, name, version, state, joined_at, beat_at, age_s, sessions, sockets, duties, settings in connection.execute(
            _EVERYBODY, binary=True
        )
    ]


def owners(connection: Connection, session_ids: Sequence[str]) -> dict[str, str]:
    """See `Nodes.owners`."""
    found = connection.execute(_OWNERS, ([encode(one) for one in session_ids],), binary=True)
    return {session_id.decode(): name.decode() for session_id, name in found}


def owner(connection: Connection, session_id: str) -> int | None:
    """The node that owns the session and lives; None if there is none."""
    found = connection.execute(OWNER, (encode(session_id),)).fetchone()
    return int(found[1]) if found is not None and found[2] else None


def working(connection: Connection, user_id: str, but: int) -> int:
    """How many sessions of the user have work under way at nodes that live, without this one."""
    found = connection.execute(_WORKING, (encode(user_id), but)).fetchone()
    return int(found[0]) if found is not None else 0


def orphans(connection: Connection, most: int) -> list[str]:
    """See `Nodes.orphans`."""
    return [session_id.decode() for (session_id,) in connection.execute(_ORPHANS, (most,), binary=True)]
