"""Database lock: lets one server at a time write a database, or several that say so. It goes with the connection that holds it,
however that ends.
"""

import os
import socket
import time

from server.journal.postgres.errors import DatabaseInUse
from server.journal.postgres.link import Link
from server.journal.postgres.schema import Connection

CLASS = 0x48464A4C
"""`HFJL`: the first half of the lock's key; the other is the schema's OID."""

WAIT_S = 3.0
"""How long a start waits for the lock: the database notices within moments that a killed server's connection is gone."""

AGAIN_WAIT_S = 0.5
"""The same where a running server connects again: its own old connection may still be there, waiting for a standby."""

TRY_AGAIN_S = 0.02

_SCHEMA = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
_TAKE = f"SELECT pg_try_advisory_lock({CLASS}, {_SCHEMA}::int4)"
_TAKE_SHARED = f"SELECT pg_try_advisory_lock_shared({CLASS}, {_SCHEMA}::int4)"
_HOLDERS = f"""
    SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {CLASS} AND l.objid = {_SCHEMA}
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY a.application_name
"""


def connection_name() -> str:
    """This process, as the database lists it."""
    return f"holdfast {os.getpid()} on {socket.gethostname()}"[:63]


def holders(connection: Connection) -> list[str]:
    """The names of the connections that hold the database; of several if they share it. One without a name is left out."""
    return [str(name) for (name,) in connection.execute(_HOLDERS.encode()).fetchall() if name]


def take(link: Link, wait_s: float, *, shared: bool) -> None:
    """Hold the database through this link, or share it with others that share it. Raises `DatabaseInUse` if another connection
    still holds it otherwise after `wait_s`.
    """
    statement = _TAKE_SHARED if shared else _TAKE
    until = time.monotonic() + wait_s
    while True:
        with link as connection:
            if connection.execute(statement.encode()).fetchone() == (True,):
                return
            who = next(iter(holders(connection)), "")
        if time.monotonic() >= until:
            raise DatabaseInUse(link.where, who, shared=shared)
        time.sleep(TRY_AGAIN_S)
