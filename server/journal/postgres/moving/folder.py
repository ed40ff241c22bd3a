"""Journal in a data folder: read to be moved, and written anew."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from server.journal import epochs, schema
from server.journal.base import JournalError
from server.journal.data_dir import DATABASE, MARK, MOVED, FolderLock, create_private, sync_folder
from server.journal.mark import Mark, MarkFile
from server.journal.postgres.moving.tables import Row, Table

NEW = f"{DATABASE}.new"
KEPT = f"{DATABASE}.moved"
"""The journal that was in the folder before, whose content was moved away."""
FILES = ("", "-wal", "-shm")

_TEXT = {
    "epoch",
    "session_id",
    "user_id",
    "title",
    "model",
    "created_at",
    "last_active_at",
    "state",
    "submission_id",
    "day",
    "claim_id",
    "kind",
    "detail",
    "claimed_at",
    "told",
    "listed",
}
"""Columns that hold text here, and its bytes in a database."""
_WHERE = {"epoch_starts": "WHERE session IN (SELECT key FROM sessions WHERE deleted = 0)"}


def read(db: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """The table's rows, in the order of its key."""
    columns = ", ".join(f"CAST({name} AS BLOB)" if name in _TEXT else name for name in table.columns)
    keys = "1, 2" if len(table.columns) > 1 else "1"
    return iter(db.execute(f"SELECT {columns} FROM {table.name} {_WHERE.get(table.name, '')} ORDER BY {keys}"))


def write(db: sqlite3.Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows into the table."""
    marks = ", ".join("CAST(? AS TEXT)" if name in _TEXT else "?" for name in table.columns)
    db.executemany(f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})", rows)


class NewFolderJournal:
    """A journal that is written beside the folder's own, and takes its place at last."""

    def __init__(self, folder: Path, source: str) -> None:
        """Lock the folder and begin. `source`: where it comes from. Raises `JournalError` if it holds a journal that is in use, or was not moved away."""
        self.path = folder / DATABASE
        self._folder = folder
        self._journal_id = epochs.new_name()
        self._lock = FolderLock(folder)
        self._began = False
        """Whether only this move has marked the folder, so that nobody uses it meanwhile."""
        try:
            if self.path.exists() and self.path.stat().st_size and not (folder / MOVED).exists():
                raise JournalError(
                    f"{self.path} is a journal of its own: name another folder with --data, or move that file away",
                    self.path,
                )
            self._remove_new()
            if not (folder / MOVED).exists():
                mark_moved(folder, f"from {source}, which was not finished: do it again")
                self._began = True
            create_private(folder / NEW)
            self.db = sqlite3.connect(folder / NEW, isolation_level=None)
            schema.configure(self.db, folder / NEW)
            schema.migrate(self.db, folder / NEW)
            self.db.execute("PRAGMA synchronous = OFF")  # synced as a whole at the end
            self.db.execute("BEGIN")
        except BaseException:
            self._lock.release()
            raise

    def finish(self) -> None:
        """Store all of it on the disk, in the place of the folder's own; `publish` lets a server use it."""
        self.db.execute("INSERT INTO meta (journal_id, changes) VALUES (?, 0)", (self._journal_id,))
        epoch = epochs.current(self.db)
        self.db.execute("COMMIT")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()
        new = os.open(self._folder / NEW, os.O_RDONLY)
        try:
            os.fsync(new)
        finally:
            os.close(new)
        for suffix in FILES:
            here = self._folder / (DATABASE + suffix)
            if here.exists():
                here.replace(self._folder / (KEPT + suffix))
        (self._folder / NEW).replace(self.path)
        mark = Mark(self._journal_id, epoch, epochs.read_boot_id(), clean=False, changes=0)
        mark = mark._replace(locked_at=self._lock.write_owner())
        MarkFile(self._folder / MARK, mark).close(clean=True)

    def publish(self) -> None:
        """From now on the folder's journal is this one."""
        unmark_moved(self._folder)
        self._began = False

    def close(self) -> None:
        """Let go of the folder, and remove what was not finished."""
        self.db.close()
        self._remove_new()
        if self._began and not self.path.exists():
            unmark_moved(self._folder)
        self._lock.release()

    def _remove_new(self) -> None:
        for suffix in FILES:
            (self._folder / (NEW + suffix)).unlink(missing_ok=True)


def mark_moved(folder: Path, where: str) -> None:
    """Say in the folder that its journal was moved to `where`. Its mark goes: who uses it all the same begins a new epoch."""
    with (folder / MOVED).open("x", encoding="utf-8") as file:
        file.write(f"{where}\n")
        file.flush()
        os.fsync(file.fileno())
    (folder / MARK).unlink(missing_ok=True)
    sync_folder(folder)


def unmark_moved(folder: Path) -> None:
    """Let a server use the folder's journal."""
    (folder / MOVED).unlink(missing_ok=True)
    sync_folder(folder)
