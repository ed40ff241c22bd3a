"""The readers: a few threads with connections of their own, which see what is durable and never wait for the writer."""

import sqlite3
from threading import Thread

from server.journal.base import JournalError
from server.journal.call_queue import Line
from server.journal.errors import explain
from server.journal.schema import connect

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
