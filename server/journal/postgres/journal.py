"""PostgreSQL journal, the interface: hands each call to the writer or to a reader, and opens and closes the whole."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg

from agent.util.threads import start_in_own_thread
from server.journal.base import AppendItem, Lease
from server.journal.call_queue import Then
from server.journal.nodes import words
from server.journal.nodes.settings import NodesSettings
from server.journal.nodes.shared_folder import SharedFolder
from server.journal.postgres import lineage, lock, queries, schema, threads
from server.journal.postgres.address import Address
from server.journal.postgres.appends import Appender
from server.journal.postgres.credentials import PostgresCredentials
from server.journal.postgres.errors import CannotStart, explain
from server.journal.postgres.link import Link
from server.journal.postgres.nodes.nodes import PostgresNodes
from server.journal.postgres.schema import Connection
from server.journal.postgres.threads import Append, Readers, Writer
from server.journal.postgres.transactions import Transactions
from server.journal.queued import QueuedJournal

log = logging.getLogger("holdfast.journal")

LOOK_S = 1.0
"""How often it is looked whether the database still is there and what it was, and whether it owes an answer for too long."""

CLOSING_S = 5.0
"""How long it may owe one while the journal is closed: whoever stops a server does not wait for long."""

ALONE = NodesSettings()

Opened = tuple[Address, Address, Link, Appender]
"""Where it is written, where it is read, and the link that writes."""


async def open_postgres(
    url: str,
    at_end: Callable[[], None] = lambda: None,
    nodes: NodesSettings = ALONE,
    files: Path | None = None,
    *,
    pooler: str = "",
    notify: bool = True,
) -> "PostgresJournal":
    """Open the journal in the database that `url` names, making its tables if need be. It belongs to the running loop.

    `at_end`: called in a thread when it is closed, the last thing. `nodes`: whether other servers share the database.
    `files`: the folder of sessions' files, if they share one. `pooler`: the address to read from, if `url` is the one past it.
    `notify`: whether servers tell one another what they stored; otherwise each looks once a second.

    Raises `CannotStart`, `DatabaseInUse`, `Unavailable`, each in one line with the remedy and without the password.
    """
    opening = start_in_own_thread("journal-open", partial(_open, url, pooler, shared=nodes.several))
    try:
        opened = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    journal = PostgresJournal(opened, at_end, nodes, None if files is None else SharedFolder(files), notify=notify)
    try:
        await journal.join_nodes()
    except BaseException:
        await journal.aclose()
        raise
    return journal


def _open(url: str, pooler: str, *, shared: bool) -> Opened:
    address = Address(url, os.environ, "journal.direct_url" if pooler else "journal.url")
    read_at = Address(pooler, os.environ, pooled=True) if pooler else address
    with ExitStack() as undo:
        link = Link(address, lock.connection_name())
        undo.callback(link.close)
        lock.take(link, lock.WAIT_S, shared=shared)
        try:
            with link as connection:
                schema.migrate(connection, address.where)
                lineage.refuse_moved(connection, address.where)
                epoch = lineage.settle(connection, None)
            if read_at is not address:
                _refuse_other(read_at, address, epoch)
            appender = Appender(link, epoch)
        except psycopg.Error as error:
            raise explain(error, address.where) or error from error
        undo.pop_all()
        return address, read_at, link, appender


def _close_unwanted(opening: "asyncio.Future[Opened]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[2].close()


def _refuse_other(read_at: Address, address: Address, epoch: lineage.Epoch) -> None:
    """Refuse a pooler of another database. Raises `CannotStart`, `Unavailable`, psycopg.Error."""
    link = Link(read_at, lock.connection_name())
    try:
        with link as connection:
            same = epoch.is_of(*lineage.look(connection))
    except psycopg.errors.UndefinedTable:
        same = False
    finally:
        link.close()
    if not same:
        raise CannotStart(
            f"{read_at.where} (journal.url) is another database than {address.where} (journal.direct_url): name the same in both"
        )


class PostgresJournal(QueuedJournal[Transactions, Connection]):
    """A `Journal` on PostgreSQL; the interface says what each call does and refuses."""

    _writer: Writer

    def __init__(
        self,
        opened: Opened,
        at_end: Callable[[], None],
        nodes: NodesSettings,
        files: SharedFolder | None,
        *,
        notify: bool,
    ) -> None:
        address, read_at, link, appender = opened
        super().__init__(address.where, threads.GROUP_MAX, queries, shared=nodes.several)
        self._at_end = at_end
        self._on_epoch: Callable[[], None] | None = None
        self._where = address.where
        self._loop = asyncio.get_running_loop()
        self.nodes: PostgresNodes | None = None
        if nodes.several:
            self.nodes = PostgresNodes(
                address, nodes, self._read_queue, self._write_queue, self._epoch_seen, files, notify=notify
            )
        self.credentials = PostgresCredentials(self._read_queue, self._write_queue, self.nodes, lambda: self.epoch)
        self._writer = Writer(
            address,
            (link, appender),
            self._write_queue,
            self._node,
            told=None if self.nodes is None else self.nodes.tell,
            on_epoch=self._epoch_began,
            reconnected=self._reconnected,
            at_end=self._end,
        )
        self._readers = Readers(
            read_at,
            self._read_queue,
            epoch=lambda: self._writer.epoch,
            changed=lambda: self._write_queue.on_loop(self._look_at_writer),
        )
        self._readers.start()
        self._writer.thread.start()
        self._check: asyncio.Future[None] | None = None
        self._answer_s: float | None = None
        self._timer = self._loop.call_later(LOOK_S, self._look)

    @property
    def epoch(self) -> str:
        """The epoch that new events belong to."""
        return self._writer.epoch.name

    def watch_epoch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after a new epoch has begun."""
        self._on_epoch = changed

    def append(self, item: AppendItem) -> "asyncio.Future[None]":
        """Store an item; it is durable once the future is done."""
        return self._write_queue.put(Append(item), can_wait=item.row is None)

    def append_then(self, item: AppendItem, then: Then) -> None:
        """The same for text, without a future."""
        self._write_queue.put_then(Append(item), then)

    async def release(self, lease: Lease) -> None:
        """Own a session no more."""
        if self.nodes is not None:
            await self._write_queue.put(lambda tables: tables.release(lease))

    async def delete(self, session_id: str) -> None:
        """Delete a session."""
        await super().delete(session_id)
        if self.nodes is not None:
            self.nodes.tell({session_id: words.DELETED})

    async def join_nodes(self) -> None:
        """Be one of the nodes, if the database is shared. Raises `JournalError`."""
        if self.nodes is not None:
            await self.nodes.join()

    async def aclose(self) -> None:
        """Stop cleanly; it finishes even if the caller is cancelled."""
        self._answer_s = CLOSING_S
        if self.nodes is not None:
            await asyncio.shield(self.nodes.aclose())
        await super().aclose()

    def _reconnected(self) -> None:
        if self.nodes is not None:
            self.nodes.counts.reconnects += 1

    def _node(self) -> int | None:
        return None if self.nodes is None else self.nodes.number

    def _epoch_seen(self, ordinal: int) -> None:
        """Another node may have begun a new epoch."""
        if ordinal != self._writer.epoch.ordinal:
            self._look_at_writer()

    def _look(self) -> None:
        """Have the writer look at its link. Close links whose statement got no answer for too long: their threads then fail it."""
        for link in (self._writer.link, *self._readers.links):
            if link is not None and link.abort_if_silent(self._answer_s):
                log.warning("%s gave no answer for too long: a connection is closed", self._where)
        if self._check is None or self._check.done():
            self._check = self._write_queue.put(_nothing)
            self._check.add_done_callback(_ignore)
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def _look_at_writer(self) -> None:
        """Have the writer look at its link, and so at the lineage of where it leads now."""
        self._write_queue.put(self._writer.look).add_done_callback(_ignore)

    def _epoch_began(self) -> None:
        self._write_queue.on_loop(lambda: self._on_epoch() if self._on_epoch is not None else None)

    def _end(self) -> None:
        """The last thing the writer's thread does."""
        self._readers.join()
        self._at_end()
        self._write_queue.on_loop(self._set_ended)

    def _set_ended(self) -> None:
        self._timer.cancel()
        self._ended.set_result(None)


def _nothing(_: Transactions) -> None:
    """Before it is called the writer's link is looked at, and made anew if it broke."""


def _ignore(done: "asyncio.Future[None]") -> None:
    """What the writer found shows at the calls that wait for it."""
    if not done.cancelled():
        done.exception()
