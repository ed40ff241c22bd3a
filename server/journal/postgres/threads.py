"""PostgreSQL threads: the writer commits what waits through the link that holds the database, readers query; each makes its link anew."""

import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg

from server.journal.base import AppendItem, JournalError, Unavailable
from server.journal.call_queue import Call, CallQueue
from server.journal.postgres import lineage, lock, reading
from server.journal.postgres.address import Address
from server.journal.postgres.appends import Appender
from server.journal.postgres.errors import explain
from server.journal.postgres.lineage import Epoch
from server.journal.postgres.link import Connector, Link
from server.journal.postgres.schema import Connection
from server.journal.postgres.transactions import Node, Transactions
from server.journal.readers import ReaderThreads

log = logging.getLogger("holdfast.journal")

GROUP_MAX = 512
"""Calls from which on a group waits for no more. It bounds how long the first of them waits for the last."""

PURGE_RECORDS = 1_000
"""Events of deleted sessions that are removed in one step. A step holds up the writer for a few milliseconds."""


class Append:
    """An append, as a call of the writer's queue: those that wait together are sent together."""

    __slots__ = ("item",)

    def __init__(self, item: AppendItem) -> None:
        self.item = item

    def __call__(self, transactions: Transactions) -> None:
        """By itself. Raises what it is refused with."""
        (outcome,) = transactions.appender.append([self.item])
        if outcome is not None:
            raise outcome


class Readers(ReaderThreads[Connection]):
    """Threads that query a database. `epoch`: the one that is known now."""

    def __init__(
        self, address: Address, queue: CallQueue[Connection], epoch: Callable[[], Epoch], changed: Callable[[], None]
    ) -> None:
        """`changed`: called when a link leads to a database of another lineage."""
        super().__init__(queue)
        self._address = address
        self._connector = Connector(address, lock.connection_name())
        self._epoch = epoch
        self._changed = changed
        self.links: list[Link | None] = [None] * len(self._threads)

    def _read(self, place: int, query: Callable[[Connection], Any]) -> Any:
        link = self.links[place]
        if link is None or not link.works:
            self._drop(place)
            link = self.links[place] = self._connect()
        try:
            with link as connection:
                if not self._address.pooled:
                    return query(connection)
                with connection.transaction():
                    self._refuse_other(connection)
                    return query(connection)
        except psycopg.Error as error:
            if explain(error, self._address.where) is not None:
                self._drop(place)
            raise

    def _connect(self) -> Link:
        link = self._connector.connect()
        if self._address.pooled:
            return link
        try:
            with link as connection:
                connection.execute("SET default_transaction_read_only = on")
                self._refuse_other(connection)
                reading.prepare(connection)
        except BaseException:
            link.close()
            raise
        return link

    def _refuse_other(self, connection: Connection) -> None:
        """Refuse a database that may lack what is known to be stored. Behind a pooler each transaction may see another one."""
        known = self._epoch()
        if not known.is_of(*lineage.look(connection)):
            self._changed()
            raise Unavailable(f"{self._address.where} is not what it was: a new epoch begins; try again")

    def _drop(self, place: int) -> None:
        link, self.links[place] = self.links[place], None
        if link is not None:
            link.close()

    def _explain(self, error: Exception) -> JournalError | None:
        return explain(error, self._address.where)


class Writer:
    """The thread that writes. It runs until its queue is closed, then calls `at_end` in that thread."""

    def __init__(
        self,
        address: Address,
        opened: tuple[Link, Appender],
        queue: CallQueue[Transactions],
        node: Node,
        *,
        told: Callable[[dict[str, int]], None] | None,
        on_epoch: Callable[[], None],
        reconnected: Callable[[], None],
        at_end: Callable[[], None],
    ) -> None:
        """`opened`: a link that holds the database. `node`: gives this node's number; None where one server has the database.
        `told`: called in this thread with the heads of sessions that were appended to; None if nobody is to know.
        `on_epoch`: called in this thread after a new epoch has begun; `reconnected`: after its connection was made anew.
        """
        self._address = address
        self.link: Link | None
        self.link, appender = opened
        self._transactions = Transactions(self.link, appender, node)
        self._node = node
        self._told = told
        self._connector = Connector(address, lock.connection_name())
        self._queue = queue
        self._on_epoch = on_epoch
        self._reconnected = reconnected
        self._at_end = at_end
        self._purging = True
        self._earlier_commits = 0
        self.epoch = appender.epoch
        self.thread = Thread(target=self._run, name="holdfast-journal-writer", daemon=True)

    @property
    def commits(self) -> int:
        """Statements that appended something, so far."""
        return self._earlier_commits + self._transactions.appender.commits

    def purge_soon(self) -> None:
        """Purge deleted sessions soon. Called inside an operation."""
        self._purging = True

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
        self._drop()
        self._at_end()

    def _decide(self, group: list[Call[Transactions]]) -> None:
        """Carry out a group in order; appends that stand together are sent together."""
        at = 0
        while at < len(group):
            end = at
            while end < len(group) and isinstance(group[end].operation, Append):
                end += 1
            part = group[at : max(end, at + 1)]
            at += len(part)
            try:
                transactions = self._connected()
                if end > at - len(part):
                    self._append(transactions, part)
                else:
                    self._one(transactions, part[0])
            except JournalError as fault:
                _fail(part, fault)
            except Exception as error:  # noqa: BLE001  # the callers handle it, not this thread
                fault_of_it = explain(error, self._address.where)
                if fault_of_it is not None:
                    self._drop()
                _fail(part, fault_of_it or error)

    def _append(self, transactions: Transactions, part: list[Call[Transactions]]) -> None:
        items = [call.operation.item for call in part if isinstance(call.operation, Append)]
        for call, outcome in zip(part, transactions.appender.append(items), strict=True):
            call.error = outcome
        self.epoch = transactions.appender.epoch
        if self._told is not None:
            stored = (call.operation.item for call in part if isinstance(call.operation, Append) and call.error is None)
            self._told({item.lease.session_id: item.records[-1].seq for item in stored if item.records})

    def _one(self, transactions: Transactions, call: Call[Transactions]) -> None:
        call.result = call.operation(transactions)

    def _connected(self) -> Transactions:
        """The operations through a link that works. Raises `JournalError`, psycopg.Error."""
        if self.link is not None and self.link.works:
            return self._transactions
        self._drop()
        link = self._connector.connect()
        try:
            lock.take(link, lock.AGAIN_WAIT_S, shared=self._node() is not None)
            with link as connection:
                epoch = lineage.settle(connection, self.epoch)
            appender = Appender(link, epoch)
        except BaseException:
            link.close()
            raise
        self._earlier_commits = self.commits
        self.link, self._transactions = link, Transactions(link, appender, self._node)
        log.info("%s: connected again", self._address.where)
        self._reconnected()
        begun, self.epoch = epoch.ordinal != self.epoch.ordinal, epoch
        if begun:
            log.warning("%s: stored events may have been lost: a new epoch begins", self._address.where)
            self._on_epoch()
        return self._transactions

    def _drop(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()

    def look(self, _: Transactions) -> None:
        """Make the link anew, and so look at the lineage of where it leads now. A call of the queue."""
        self._drop()
        self._connected()

    def _purge(self) -> None:
        """One small step of emptying deleted sessions, between the groups."""
        try:
            self._purging = self._connected().purge(PURGE_RECORDS)
        except Exception as error:  # the thread goes on; the next deletion or start tries again
            self._purging = False
            fault = error if isinstance(error, JournalError) else explain(error, self._address.where)
            self._drop()
            log.warning(
                "deleted sessions keep their space until the next start: %s", fault or error, exc_info=fault is None
            )


def _fail(calls: list[Call[Transactions]], error: Exception) -> None:
    for call in calls:
        call.error = error
