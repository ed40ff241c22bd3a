"""Looking into a journal from another process, also while its server runs: it reads, and never waits for the writer for long."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.journal import queries
from server.journal.base import Record, SessionRow, Unavailable
from server.journal.data_dir import DATABASE, create_private
from server.journal.errors import explain, explain_os
from server.journal.schema import check_header, connect

BUSY_S = 5.0
PAGE_RECORDS = 512
PAGE_BYTES = 1_048_576
BACKUP_PAGES = 1_000


class Look:
    """What can be seen of a journal."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @property
    def epoch(self) -> str:
        """The newest epoch; empty before there was one."""
        found = self._db.execute("SELECT epoch FROM epochs ORDER BY ordinal DESC LIMIT 1").fetchone()
        return str(found[0]) if found else ""

    def rows(self, user_id: str | None) -> list[SessionRow]:
        """The sessions, the newest first."""
        return [row for _, _, row in queries.list_sessions(self._db, queries.Listing(user_id))]

    def stat(self, session_id: str) -> tuple[int, SessionRow]:
        """A session's head and row. Raises `NotFound`, `Deleted`."""
        head, _, row = queries.stat(self._db, session_id)
        return head, row

    def pages(self, session_id: str, through: int) -> Iterator[tuple[int, list[Record]]]:
        """Its events up to `through`, a page at a time, each with the position it follows."""
        after = 0
        while after < through:
            page = queries.read(self._db, session_id, queries.Bounds(after, through, PAGE_RECORDS, PAGE_BYTES))
            if not page:
                return
            yield after, page
            after = page[-1].seq

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
def looking(folder: Path) -> Iterator[Look]:
    """Look into the journal of this data folder. Raises `JournalError`: there is none, or it cannot be read."""
    path = folder / DATABASE
    try:
        if not path.exists() or not check_header(path):
            raise Unavailable(f"{path}: there is no journal here; name its folder with --data", path)
        db = connect(path, BUSY_S)
        db.execute("PRAGMA query_only = ON")
    except OSError as error:
        raise explain_os(error, path) from error
    try:
        yield Look(db)
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    finally:
        db.close()
