"""Reader threads: run the queries of a journal, one at a time each, until their queue is closed."""

from collections.abc import Callable
from threading import Thread
from typing import Any, Generic, TypeVar

from server.journal.base import JournalError
from server.journal.call_queue import CallQueue

R = TypeVar("R")

READERS = 2
"""Threads that read beside the one that writes, so that a long replay does not hold up a short query. SQLite's reads hold Python's
lock for most of their time, so more threads read no faster."""


class ReaderThreads(Generic[R]):
    """The threads. A backend says how one reads through a connection of its own, and how that is closed: `_read`, `_drop`."""

    def __init__(self, queue: CallQueue[R]) -> None:
        self._queue = queue
        self._threads = [
            Thread(target=self._run, args=(place,), name="holdfast-journal-reader", daemon=True)
            for place in range(READERS)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have ended. Close the queue first."""
        for thread in self._threads:
            thread.join()

    def _run(self, place: int) -> None:
        while group := self._queue.take():
            (call,) = group
            try:
                call.result = self._read(place, call.operation)
            except JournalError as refusal:
                call.error = refusal
            except Exception as error:  # noqa: BLE001  # the caller handles it, not this thread
                call.error = self._explain(error) or error
            self._queue.report(group)
        self._drop(place)

    def _read(self, place: int, query: Callable[[R], Any]) -> Any:
        raise NotImplementedError

    def _drop(self, place: int) -> None:
        raise NotImplementedError

    def _explain(self, error: Exception) -> JournalError | None:
        raise NotImplementedError
