"""The checkpointer: moves what the write-ahead log holds into the database, in a thread of its own.

It waits for the disk so that the writer need not. Under a steady load it never gets to the end of a log that goes on
growing meanwhile: past `log_pages_max` the writer is asked to do the little that is left, and the log begins anew.
"""

import logging
import sqlite3
from pathlib import Path
from threading import Event, Thread

from server.journal.errors import explain
from server.journal.schema import connect
from server.journal.settings import Limits

log = logging.getLogger("holdfast.journal")


class Checkpointer:
    """Runs between `start` and `stop`."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.log_too_long = False
        """The writer is to do the rest; it resets this."""
        self._path = path
        self._limits = limits
        self._wanted = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name="holdfast-journal-checkpointer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to move."""
        self._wanted.set()

    def stop(self) -> None:
        """Finish the move under way and end."""
        self._stopped = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while self._wanted.wait() and not self._stopped:
            self._wanted.clear()
            try:
                if db is None:
                    db = connect(self._path, self._limits.busy_timeout_s)
                _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self.log_too_long = pages > self._limits.log_pages_max
            except sqlite3.Error as error:
                log.warning("the journal's write-ahead log stays as it is: %s", explain(error, self._path) or error)
        if db is not None:
            db.close()
