"""Description: tells of a database, for the doctor and the command line, without changing or holding it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from server.journal.nodes.listing import DatabaseState, NodeSeen
from server.journal.offline import OfflineReader
from server.journal.postgres import lock, membership, queries, schema
from server.journal.postgres.address import Address
from server.journal.postgres.errors import CannotStart, SchemaTooNew, explain
from server.journal.postgres.link import Link
from server.journal.postgres.nodes.notices import hears
from server.journal.postgres.schema import Connection

_STATE = """
    SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('synchronous_standby_names') <> '',
        (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
"""


def describe(url: str) -> DatabaseState:
    """What it is and holds. Blocking. Raises `JournalError` if a server could not start on it."""
    address = Address(url, os.environ)
    link = Link(address, "holdfast doctor")
    try:
        with link as connection:
            version = schema.version(connection, address.where)
            held_by = lock.holders(connection)
            asked_at = time.time()
            found = connection.execute(_STATE).fetchone()
            clock = (asked_at + time.time()) / 2
            heard = hears(connection)
        server = link.pgconn.server_version
        encrypted = bool(link.pgconn.ssl_in_use)
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()
    if version > schema.VERSION:
        raise SchemaTooNew(address.where, version, schema.VERSION)
    assert found is not None
    its_clock, waits, standbys = found
    about = f"schema version {version}" if version else "no journal yet; the first start makes it"
    held = f"; {', '.join(held_by)} {'has' if len(held_by) == 1 else 'have'} it" if held_by else ""
    return DatabaseState(
        about=f"{address.where}: version {server // 10_000}.{server % 10_000}, {about}{held}",
        local=address.local,
        encrypted=encrypted,
        clock_off_s=its_clock - clock,
        standbys=standbys if waits else None,
        hears=heard,
    )


def list_nodes(url: str) -> list[NodeSeen]:
    """The servers that share it. Blocking. Raises `JournalError`."""
    with _current(url, "holdfast nodes") as connection:
        return membership.everybody(connection)


@contextmanager
def open_stored(url: str) -> Iterator[OfflineReader[Connection]]:
    """Open it for reading, while servers use it or not. Blocking. Raises `JournalError`."""
    with _current(url, "holdfast sessions") as connection:
        connection.execute("SET default_transaction_read_only = on")
        found = connection.execute("SELECT e.epoch FROM meta m JOIN epochs e ON e.ordinal = m.epoch").fetchone()
        yield OfflineReader(connection, queries, found[0].decode() if found else "")


@contextmanager
def _current(url: str, name: str) -> Iterator[Connection]:
    """A connection to a database whose tables are those of this version. Raises `JournalError`."""
    address = Address(url, os.environ)
    link = Link(address, name)
    try:
        with link as connection:
            found = schema.version(connection, address.where)
            if found > schema.VERSION:
                raise SchemaTooNew(address.where, found, schema.VERSION)
            if found < schema.VERSION:
                raise CannotStart(f"{address.where}: no server of this version has used it yet; start one")
            yield connection
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()
