"""Lineage: notices that the database is not what it was, and begins a new epoch then.

A failover to a standby that lagged, a restored dump and an older copy of the server's files all lose events that clients have seen.
Each shows: a promotion begins a new timeline, a restored dump has tables of its own, an older copy a log that has gone back. A
promotion that lost nothing looks the same; a new epoch costs clients a snapshot, and is always safe.
"""

from typing import NamedTuple

from server.journal import epochs
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.schema import Connection

_LINEAGE = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
        || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || '/' || 'meta'::regclass::oid,
        pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8
"""
"""`pg_control_checkpoint()` still gives the old timeline after a promotion; the name of the log's file has the new one at once."""

_META = "SELECT lineage, epoch FROM meta FOR UPDATE"
_NAME = "SELECT epoch FROM epochs WHERE ordinal = %s"
"""A statement of its own: one that waited for the row of another server would see that row as it is now, and the epochs from before.
(PostgreSQL, 13.2.1 Read Committed Isolation Level)"""


class Epoch(NamedTuple):
    """The epoch that new events belong to, and the lineage that it was seen under. `log`: the highest log position seen."""

    ordinal: int
    name: str
    lineage: str
    log: int

    def is_of(self, lineage: str, log: int) -> bool:
        """Whether a database in this state still has everything that was stored in this epoch."""
        return self.lineage == lineage and log >= self.log


def look(connection: Connection) -> tuple[str, int]:
    """The database's lineage and how far its log goes."""
    found = connection.execute(_LINEAGE).fetchone()
    assert found is not None
    return str(found[0]), int(found[1])


MOVED = "moved "
"""Begins what is written in place of a lineage once the journal was moved away."""


def refuse_moved(connection: Connection, where: str) -> None:
    """Raise `CannotStart` if the journal was moved away: what is stored here is old."""
    found = connection.execute("SELECT lineage FROM meta").fetchone()
    if found is not None and found[0].startswith(MOVED):
        raise CannotStart(
            f"the journal of {where} was {found[0]}: run the server there, without journal.url. To go on with the old state "
            "here, as of then: UPDATE meta SET lineage = ''"
        )


def mark_moved(connection: Connection, to: str) -> None:
    """Say in the database that its journal was moved away."""
    connection.execute("UPDATE meta SET lineage = %s", (MOVED + to,))


def _has_all(known: Epoch | None, ordinal: int, name: str, log: int) -> bool:
    """Whether a database in this epoch, of the lineage that is written in it, has all that is `known`.

    In an epoch that another server began since, how far the log was in an earlier one says nothing.
    """
    return known is None or ordinal > known.ordinal or (name == known.name and log >= known.log)


def settle(connection: Connection, known: Epoch | None) -> Epoch:
    """Go on in the database's epoch, or begin a new one if its lineage is not the one that is written in it, or its log went back.

    `known`: as this server knew it, None at its start. The caller holds the database's lock.
    """
    lineage, log = look(connection)
    with connection.transaction():
        found = connection.execute(_META).fetchone()
        assert found is not None
        written, ordinal = found
        name = connection.execute(_NAME, (ordinal,)).fetchone()
        if name is not None and written == lineage and _has_all(known, ordinal, name[0].decode(), log):
            return Epoch(ordinal, name[0].decode(), lineage, log)
        begun = epochs.new_name()
        made = connection.execute(
            "INSERT INTO epochs (epoch) VALUES (%s) RETURNING ordinal", (begun.encode(),)
        ).fetchone()
        assert made is not None
        connection.execute("UPDATE meta SET lineage = %s, epoch = %s", (lineage, made[0]))
    return Epoch(made[0], begun, lineage, log)
