"""Offline access: reads a journal from another process, also while its server runs, without blocking the writer."""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from server.journal import queries, schema
from server.journal.base import Record, SessionRow, Unavailable
from server.journal.data_dir import DATABASE, LOCK, create_private, refuse_moved
from server.journal.errors import explain, explain_os
from server.journal.queries import Bounds, Listing
from server.journal.queued import Queries
from server.journal.schema import VERSION, check_header, connect

C = TypeVar("C")


class Inspection(msgspec.Struct, frozen=True):
    """The state of a data folder. `held_by`: the process of a running server, 0 if it does not say its id, None if none runs.

    `version`: of the database's schema; None: there is no database yet.
    """

    held_by: int | None
    version: int | None
    known_version: int = VERSION


def inspect(folder: Path) -> Inspection:
    """Check the data folder; a database that no server holds is read as a whole. Raises `JournalError`."""
    path = folder / DATABASE
    refuse_moved(folder)
    held_by = _holder(folder / LOCK)
    if not path.exists() or not schema.check_header(path):
        return Inspection(held_by, None)
    try:
        # A reader of a database with a write-ahead log makes files beside it, unless it is told that nobody writes.
        still = held_by is None and not path.with_name(f"{DATABASE}-wal").exists()
        uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if still else ''}"
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if held_by is None:
                schema.check_pages(db, path)
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    return Inspection(held_by, int(version))


def write_ahead_fault(folder: Path) -> str | None:
    """Why the file system of this folder cannot hold a write-ahead log, tried in a file that is removed; None if it can."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".doctor-")
    os.close(handle)
    try:
        with closing(sqlite3.connect(name)) as db:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            db.execute("CREATE TABLE tried (n)")
        return None if mode == "wal" else f"it gives journal mode {mode}"
    except sqlite3.Error as error:
        return str(error)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(name + suffix).unlink(missing_ok=True)


def _holder(lock: Path) -> int | None:
    try:
        fd = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(fd, 32, 0).strip()
        return int(pid) if pid.isdigit() else 0
    else:
        return None
    finally:
        os.close(fd)


BUSY_S = 5.0
PAGE_RECORDS = 512
PAGE_BYTES = 1_048_576
BACKUP_PAGES = 1_000


class OfflineReader(Generic[C]):
    """Read access to a journal through a connection. `epoch`: the newest one; empty before there was one."""

    def __init__(self, db: C, queries: Queries[C], epoch: str) -> None:
        self._db = db
        self._queries = queries
        self.epoch = epoch

    def rows(self, user_id: str | None, most: int | None = None) -> list[SessionRow]:
        """The sessions of a user, or of all users (None), the newest first; `most`: only so many."""
        return [row for _, _, row in self._queries.list_sessions(self._db, Listing(user_id, most=most))]

    def stat(self, session_id: str) -> tuple[int, SessionRow]:
        """A session's head and row. Raises `NotFound`, `Deleted`."""
        head, _, row = self._queries.stat(self._db, session_id)
        return head, row

    def pages(self, session_id: str, through: int) -> Iterator[tuple[int, list[Record]]]:
        """Its events up to `through`, a page at a time, each with the position it follows."""
        after = 0
        while after < through:
            page = self._queries.read(self._db, session_id, Bounds(after, through, PAGE_RECORDS, PAGE_BYTES))
            if not page:
                return
            yield after, page
            after = page[-1].seq


class OfflineJournal(OfflineReader[sqlite3.Connection]):
    """Read access to a journal file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        found = db.execute("SELECT epoch FROM epochs ORDER BY ordinal DESC LIMIT 1").fetchone()
        super().__init__(db, queries, str(found[0]) if found else "")

    def copy_to(self, path: Path) -> None:
        """A copy of one moment, made while others write (SQLite's online backup)."""
        create_private(path)
        copy = sqlite3.connect(path)
        try:
            self._db.backup(copy, pages=BACKUP_PAGES)
        finally:
            copy.close()
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextmanager
def open_offline(folder: Path) -> Iterator[OfflineJournal]:
    """Open the journal of this data folder for reading. Raises `JournalError` if there is none or it cannot be read."""
    path = folder / DATABASE
    refuse_moved(folder)
    try:
        if not path.exists() or not check_header(path):
            raise Unavailable(f"{path}: there is no journal here; name its folder with --data", path)
        db = connect(path, BUSY_S)
        db.execute("PRAGMA query_only = ON")
    except OSError as error:
        raise explain_os(error, path) from error
    try:
        yield OfflineJournal(db)
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    finally:
        db.close()
