"""The writer: one thread that takes all calls that wait and commits them as one group, with an answer for each."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from server.journal.base import JournalError
from server.journal.call_queue import Call, Line
from server.journal.errors import explain
from server.journal.schema import connect
from server.journal.settings import Limits
from server.journal.transactions import Tables

Reads = sqlite3.Connection


class Readers:
    """Run until their line ends."""

    def __init__(self, line: Line[Reads], count: int, busy_timeout_s: float) -> None:
        self._path = line.path
        self._line = line
        self._busy_timeout_s = busy_timeout_s
        self._threads = [Thread(target=self._run, name="holdfast-journal-reader", daemon=True) for _ in range(count)]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have ended; the line was closed before."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while group := self._line.take(1):
            call = group[0]
            try:
                if db is None:
                    db = connect(self._path, self._busy_timeout_s)
                    db.execute("PRAGMA query_only = ON")
                call.result = call.operation(db)
            except JournalError as refusal:
                call.error = refusal
            except Exception as error:  # noqa: BLE001  # it is the caller's to handle, not this thread's
                call.error = explain(error, self._path) or error
            self._line.report(group)
        if db is not None:
            db.close()


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


class Writer:
    """Runs until its line ends; then it calls `at_end` in its thread."""

    def __init__(
        self, tables: Tables, line: Line[Tables], checkpointer: Checkpointer, limits: Limits, at_end: Callable[[], None]
    ) -> None:
        self._path = line.path
        self._tables = tables
        self._line = line
        self._checkpointer = checkpointer
        self._limits = limits
        self._at_end = at_end
        self.commits = 0
        """Transactions so far."""
        self._checkpointed = 0
        self._purging = True
        self.thread = Thread(target=self._run, name="holdfast-journal-writer", daemon=True)

    def _run(self) -> None:
        while True:
            if self._purging:
                self._purge()
                if self._line.idle():
                    continue
            group = self._line.take(self._limits.group_max)
            if not group:
                break
            self._decide(group)
            self._line.report(group)
            self._checkpoint()
        self._at_end()

    def _decide(self, group: list[Call[Tables]]) -> None:
        """Commit a group. What the world did fails it whole; a call with a fault of its own fails alone."""
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001  # it is the callers' to handle, not this thread's
            self._tables.roll_back()
            if explain(error, self._path) is None and len(group) > 1:
                for call in group:
                    self._decide([call])
                return
            for call in group:
                call.error = explain(error, self._path) or error

    def _transact(self, group: list[Call[Tables]]) -> None:
        tables = self._tables
        tables.begin()
        for call in group:
            call.error = None
            try:
                call.result = call.operation(tables)
            except JournalError as refusal:
                call.error = refusal
        tables.commit()
        self.commits += 1

    def _checkpoint(self) -> None:
        if self._checkpointer.log_too_long:
            self._checkpointer.log_too_long = False
            self._tables.checkpoint()
        elif self.commits - self._checkpointed >= self._limits.checkpoint_commits:
            self._checkpointed = self.commits
            self._checkpointer.wake()

    def _purge(self) -> None:
        """One small step of emptying deleted sessions, between the groups."""
        try:
            self._tables.begin()
            self._purging = self._tables.purge(self._limits.purge_records)
            self._tables.commit()
        except Exception as error:  # the thread goes on; the next start tries again
            self._tables.roll_back()
            self._purging = False
            why = explain(error, self._path)
            log.warning(
                "deleted sessions keep their space until the next start: %s", why or error, exc_info=why is None
            )

    def purge_soon(self) -> None:
        """There is something to purge. Called inside an operation."""
        self._purging = True
