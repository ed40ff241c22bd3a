"""Move: the whole journal from a data folder into a database, or back. All of it or nothing; the place it came from is kept and marked."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from server.journal.base import JournalError
from server.journal.data_dir import DATABASE
from server.journal.epochs import read_boot_id
from server.journal.errors import explain as explain_file
from server.journal.errors import explain_os
from server.journal.open import open_folder
from server.journal.postgres import lineage, lock, schema
from server.journal.postgres.address import Address
from server.journal.postgres.errors import explain
from server.journal.postgres.link import Link
from server.journal.postgres.moving import database, folder
from server.journal.postgres.moving.tables import TABLES, Digests, Progress
from server.journal.postgres.schema import Connection
from server.util.clock import utc_now

DIFFERENCES_MAX = 5


def move_to(path: Path, url: str, progress: Progress) -> dict[str, int]:
    """Move the journal of the folder into the database that `url` names; how many rows of each table. Blocking.

    Both must be stopped. Raises `JournalError`: then nothing is in the database, and the folder is used as before.
    """
    given, found = Digests(), Digests()
    marked = False
    with (
        _faults(path),
        _database(url) as (connection, where),
        closing(open_folder(path, "power", read_boot_id)) as opened,
    ):
        lineage.refuse_moved(connection, where)
        try:
            with connection.transaction():
                database.check_empty(connection, where)
                opened.db.execute("BEGIN")
                for table in TABLES:
                    database.write(connection, table, given.over(table, folder.read(opened.db, table), progress))
                opened.db.execute("ROLLBACK")
                database.complete(connection)
                for table in TABLES:
                    found.pass_over(table, database.read(connection, table), progress)
                _compare(given, found)
                folder.mark_moved(path, f"to {where}, {utc_now()}")
                marked = True
        except BaseException:
            if marked:
                folder.unmark_moved(path)
            raise
        connection.execute("ANALYZE")
    return given.counts


def move_from(path: Path, url: str, progress: Progress) -> dict[str, int]:
    """Move the journal of the database that `url` names into the folder; how many rows of each table. Blocking.

    Both must be stopped. A journal that was in the folder and was moved away is kept beside the new one. Raises `JournalError`: then
    the database is used as before. It may be called again after it was cut short.
    """
    given, found = Digests(), Digests()
    with _faults(path), _database(url) as (connection, where), closing(folder.NewFolderJournal(path, where)) as new:
        with connection.transaction():
            lineage.settle(connection, None)
            for table in TABLES:
                folder.write(new.db, table, given.over(table, database.read(connection, table), progress))
            for table in TABLES:
                found.pass_over(table, folder.read(new.db, table), progress)
            _compare(given, found)
            new.finish()
            lineage.mark_moved(connection, f"to {path.absolute()}, {utc_now()}")
        new.publish()
    return given.counts


@contextmanager
def _database(url: str) -> Iterator[tuple[Connection, str]]:
    """A connection to a database that no server uses, with the newest tables, and its name in messages."""
    address = Address(url, os.environ)
    link = Link(address, "holdfast migrate")
    try:
        lock.take(link, lock.WAIT_S, shared=False)
        schema.migrate(link.connection, address.where)
        yield link.connection, address.where
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Say what a fault of the folder's disk means."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain_file(error, path / DATABASE) or error from error
    except OSError as error:
        raise explain_os(error, path) from error


def _compare(given: Digests, found: Digests) -> None:
    differing = given.differences(found)
    if differing or given.counts != found.counts:
        named = "; ".join(differing[:DIFFERENCES_MAX]) or f"{given.counts} and {found.counts} rows"
        raise JournalError(f"what was written is not what was read ({named}): nothing was moved")
