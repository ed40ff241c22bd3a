"""A look at a data folder from outside, without changing anything: who holds it, and whether its database is sound."""

import fcntl
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import msgspec

from server.journal import schema
from server.journal.data_dir import DATABASE, LOCK
from server.journal.errors import explain
from server.journal.schema import VERSION


class Inspection(msgspec.Struct, frozen=True):
    """What was found. `held_by`: the process of a running server, 0 if it does not say its id, None if none runs.

    `version`: of the database's schema; None: there is no database yet.
    """

    held_by: int | None
    version: int | None
    known_version: int = VERSION


def inspect(folder: Path) -> Inspection:
    """Look at the folder; a database that no server holds is read as a whole. Raises `JournalError`."""
    path = folder / DATABASE
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
