"""SQLite journal: the journal of one server, inside its process. One thread writes, a few read."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.util.threads import start_in_own_thread
from server.journal import epochs, queries, threads
from server.journal.base import AppendItem, Lease
from server.journal.call_queue import Then
from server.journal.errors import Corrupt, FolderInUse, SchemaTooNew
from server.journal.open import OpenJournal, open_folder
from server.journal.queued import QueuedJournal
from server.journal.schema import Durability
from server.journal.settings import JournalSettings
from server.journal.threads import Checkpointer, Readers, Reads, Writer
from server.journal.transactions import Transactions

__all__ = ["Corrupt", "Durability", "FolderInUse", "SchemaTooNew", "SqliteJournal", "open_journal"]


DEFAULTS = JournalSettings()


async def open_journal(
    path: Path,
    settings: JournalSettings = DEFAULTS,
    *,
    boot_id: Callable[[], str] = epochs.read_boot_id,
) -> "SqliteJournal":
    """Open the journal in the folder `path`, making both if need be. It belongs to the running loop.

    A server gives `settings.folder` as `path`.
    Raises `FolderInUse`, `SchemaTooNew`, `Corrupt`, `Unavailable`, each naming the file and the remedy.
    """
    opening = start_in_own_thread("journal-open", partial(open_folder, path, settings.durability, boot_id))
    try:
        opened = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    return SqliteJournal(opened)


def _close_unwanted(opening: "asyncio.Future[OpenJournal]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class SqliteJournal(QueuedJournal[Transactions, Reads]):
    """A `Journal` on SQLite; the interface says what each call does and refuses."""

    def __init__(self, opened: OpenJournal) -> None:
        super().__init__(opened.path, threads.GROUP_MAX, queries)
        self._open = opened
        self._readers = Readers(opened.path, self._read_queue)
        self._checkpointer = Checkpointer(opened.path)
        tables = Transactions(opened.db, opened.mark)
        self._writer = Writer(opened.path, tables, self._write_queue, self._checkpointer, at_end=self._end)
        self._readers.start()
        self._checkpointer.start()
        self._writer.thread.start()

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to."""
        return self._open.epoch

    def watch_epoch(self, changed: Callable[[], None]) -> None:
        """Nothing to watch: a folder that is open loses nothing."""

    def append(self, item: AppendItem) -> "asyncio.Future[None]":
        """Store an item; it is durable once the future is done."""
        return self._write_queue.put(lambda tables: tables.append(item), can_wait=item.row is None)

    def append_then(self, item: AppendItem, then: Then) -> None:
        """The same for text, without a future."""
        self._write_queue.put_then(lambda tables: tables.append(item), then)

    async def release(self, lease: Lease) -> None:
        """Nothing to release: a folder has one server."""

    def _end(self) -> None:
        """The last thing the writer's thread does."""
        error: Exception | None = None
        try:
            self._readers.join()
            self._checkpointer.stop()
            self._open.close()
        except Exception as fault:  # noqa: BLE001  # `aclose` raises it
            error = fault
        self._write_queue.on_loop(lambda: self._set_ended(error))

    def _set_ended(self, error: Exception | None) -> None:
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
