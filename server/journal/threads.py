"""Journal threads: the writer commits all calls that wait as one group, readers query, the checkpointer moves the log."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

from server.journal import schema
from server.journal.base import JournalError
from server.journal.call_queue import Call, CallQueue
from server.journal.errors import explain
from server.journal.readers import ReaderThreads
from server.journal.schema import connect
from server.journal.transactions import Transactions

Reads = sqlite3.Connection

GROUP_MAX = 512
"""Calls from which on a commit waits for no more: it takes less than twice as many. It bounds how long the first of them waits for
the last."""

CHECKPOINT_CALLS = 1_000
"""Calls after which the write-ahead log is moved into the database, beside the writer. Each changes about one page, as each is of
another session, so these are the 1,000 pages of SQLite's own default. Commits say little: one of many sessions' text has 30 pages."""

FINISHED_PART = 4
"""Of a log that has this part of its greatest length the writer itself moves what came during a checkpoint, so that the log begins
anew: that is little and takes some milliseconds. At its greatest length SQLite moves all of it, and all commits wait for the disk."""

PURGE_RECORDS = 1_000
"""Events of deleted sessions that are removed in one step. A step holds up the writer for a few milliseconds."""


class Readers(ReaderThreads[Reads]):
    """Threads that query a database file."""

    def __init__(self, path: Path, queue: CallQueue[Reads]) -> None:
        super().__init__(queue)
        self._path = path
        self._connections: list[sqlite3.Connection | None] = [None] * len(self._threads)

    def _read(self, place: int, query: Callable[[Reads], Any]) -> Any:
        db = self._connections[place]
        if db is None:
            db = self._connections[place] = connect(self._path, schema.BUSY_TIMEOUT_S)
            db.execute("PRAGMA query_only = ON")
        return query(db)

    def _drop(self, place: int) -> None:
        db = self._connections[place]
        if db is not None:
            db.close()

    def _explain(self, error: Exception) -> JournalError | None:
        return explain(error, self._path)


log = logging.getLogger("holdfast.journal")


class Checkpointer:
    """A thread that moves the write-ahead log into the database, so that the writer does not wait for it."""

    def __init__(self, path: Path) -> None:
        self.log_too_long = False
        """The writer must finish the checkpoint; it resets this."""
        self._path = path
        self._wanted = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name="holdfast-journal-checkpointer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Start a checkpoint soon."""
        self._wanted.set()

    def stop(self) -> None:
        """Finish the checkpoint under way and end."""
        self._stopped = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while self._wanted.wait() and not self._stopped:
            self._wanted.clear()
            try:
                if db is None:
                    db = connect(self._path, schema.BUSY_TIMEOUT_S)
                _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self.log_too_long = pages > schema.LOG_PAGES_MAX // FINISHED_PART
            except (sqlite3.Error, JournalError) as error:
                log.warning("the journal's write-ahead log stays as it is: %s", explain(error, self._path) or error)
        if db is not None:
            db.close()


class Writer:
    """The thread that writes. It runs until its queue is closed, then calls `at_end` in that thread."""

    def __init__(
        self,
        path: Path,
        transactions: Transactions,
        queue: CallQueue[Transactions],
        checkpointer: Checkpointer,
        at_end: Callable[[], None],
    ) -> None:
        self._path = path
        self._transactions = transactions
        self._queue = queue
        self._checkpointer = checkpointer
        self._at_end = at_end
        self.commits = 0
        """Transactions so far."""
        self._calls = 0  # since the last checkpoint
        self._purging = True
        self.thread = Thread(target=self._run, name="holdfast-journal-writer", daemon=True)

    def _run(self) -> None:
        while True:
            if self._purging:
                self._purge()
                if self._queue.idle():
                    continue
            group = self._queue.take()
            if not group:
                break
            self._decide(group)
            self._queue.report(group)
            self._calls += len(group)
            self._checkpoint()
        self._at_end()

    def _decide(self, group: list[Call[Transactions]]) -> None:
        """Commit a group. A fault of the disk fails the whole group; a fault of one call fails that call alone."""
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001  # the callers handle it, not this thread
            self._transactions.roll_back()
            if explain(error, self._path) is None and len(group) > 1:
                for call in group:
                    self._decide([call])
                return
            for call in group:
                call.error = explain(error, self._path) or error

    def _transact(self, group: list[Call[Transactions]]) -> None:
        transactions = self._transactions
        transactions.begin()
        for call in group:
            call.error = None
            try:
                call.result = call.operation(transactions)
            except JournalError as refusal:
                call.error = refusal
        transactions.commit()
        self.commits += 1

    def _checkpoint(self) -> None:
        if self._checkpointer.log_too_long:
            self._checkpointer.log_too_long = False
            self._transactions.checkpoint()
        elif self._calls >= CHECKPOINT_CALLS:
            self._calls = 0
            self._checkpointer.wake()

    def _purge(self) -> None:
        """One small step of emptying deleted sessions, between the groups."""
        try:
            self._transactions.begin()
            self._purging = self._transactions.purge(PURGE_RECORDS)
            self._transactions.commit()
        except Exception as error:  # the thread goes on; the next start tries again
            self._transactions.roll_back()
            self._purging = False
            why = explain(error, self._path)
            log.warning(
                "deleted sessions keep their space until the next start: %s", why or error, exc_info=why is None
            )

    def purge_soon(self) -> None:
        """Purge deleted sessions soon. Called inside an operation."""
        self._purging = True
