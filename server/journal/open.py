"""Opening a journal: locks the data folder, checks and migrates the database, decides the epoch. Blocking."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from server.journal import epochs, schema
from server.journal.data_dir import DATABASE, MARK, FolderLock, create_private, refuse_moved
from server.journal.errors import Corrupt, explain
from server.journal.mark import Mark, MarkFile, read_mark
from server.journal.schema import Durability

log = logging.getLogger("holdfast.journal")


class OpenJournal:
    """An open data folder with its database, lock and mark. `close` may be called in any thread, once."""

    def __init__(self, path: Path, lock: FolderLock, db: sqlite3.Connection, mark: MarkFile, epoch: str) -> None:
        self.path = path
        self.db = db
        self.mark = mark
        self.epoch = epoch
        self._lock = lock

    def close(self) -> None:
        """Move everything into the database file, mark the stop as clean and unlock the folder."""
        clean = False
        try:
            busy, _, _ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            clean = not busy
        except sqlite3.Error as error:
            why = explain(error, self.path) or error
            log.warning("the journal's stop was not clean, the next start checks it: %s", why)
        finally:
            self.db.close()
            try:
                self.mark.close(clean=clean)
            finally:
                self._lock.release()


def open_folder(folder: Path, durability: Durability, boot_id: Callable[[], str]) -> OpenJournal:
    """Open the journal in `folder`, making it if there is none.

    Raises `FolderInUse`, `Moved`, `SchemaTooNew`, `Corrupt`, `Unavailable`.
    """
    path = folder / DATABASE
    with ExitStack() as undo:
        lock = FolderLock(folder)
        undo.callback(lock.release)
        refuse_moved(folder)
        mark = read_mark(folder / MARK)
        if not create_private(path) and not schema.check_header(path) and mark is not None:
            raise Corrupt(path, "it is empty, and journal.mark knows of a fuller one")
        try:
            db = schema.connect(path, schema.BUSY_TIMEOUT_S)
            undo.callback(db.close)
            schema.configure(db, path)
            schema.migrate(db, path)
            if mark is not None and mark.locked_at != lock.changed_at:
                mark = None
            found = _begin(db, path, mark, boot_id())
            schema.set_durability(db, durability)
        except sqlite3.Error as error:
            raise explain(error, path) or error from error
        # One right after the other: whoever is killed between the two leaves a mark that is not believed.
        found = found._replace(locked_at=lock.write_owner())
        opened = OpenJournal(path, lock, db, MarkFile(folder / MARK, found), found.epoch)
        undo.pop_all()
        return opened


def _begin(db: sqlite3.Connection, path: Path, mark: Mark | None, boot_id: str) -> Mark:
    """Check the database if need be and go on in its epoch or begin a new one; gives the mark to write."""
    is_new = db.execute("SELECT count(*) FROM meta").fetchone()[0] == 0
    if is_new or not epochs.continues(db, mark, boot_id):
        if not is_new:
            # A process that was killed tears no page; a machine that went down, or whoever put the file there, may.
            schema.check_pages(db, path)
        db.execute("BEGIN IMMEDIATE")
        if is_new:
            db.execute("INSERT INTO meta (journal_id, changes) VALUES (?, 0)", (epochs.new_name(),))
        else:
            log.warning("%s: stored events may have been lost since the last stop: a new epoch begins", path)
        epochs.begin(db)
        db.execute("UPDATE meta SET changes = changes + 1")
        db.execute("COMMIT")
    journal_id, changes = db.execute("SELECT journal_id, changes FROM meta").fetchone()
    return Mark(journal_id, epochs.current(db), boot_id, clean=False, changes=changes)
