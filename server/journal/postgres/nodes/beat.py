"""Beat: the thread that keeps a node alive, and declares others dead. It has a connection of its own, so that a busy event loop does
not cost the node its lease; a loop that answers no more does.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from threading import Event, Thread

import psycopg

from protocol.events import NEWEST
from server.journal.base import JournalError
from server.journal.nodes.counts import NodeCounts
from server.journal.nodes.lease import NodeLease, ended, may_beat, may_declare, stored
from server.journal.nodes.listing import Load
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres import lock, membership
from server.journal.postgres.address import Address
from server.journal.postgres.errors import explain, one_line
from server.journal.postgres.link import Link
from server.journal.postgres.membership import Seen

log = logging.getLogger("holdfast.nodes")

_FAST = "SET synchronous_commit = local"
"""A beat waits for no standby. One that a failover loses costs at most what it would have cost to come late."""


class Beat:
    """The thread, from `start` until `stop`. `number` and `lease` may be read anywhere."""

    def __init__(
        self,
        address: Address,
        settings: NodesSettings,
        kept: Callable[[NodeLease], None],
        died: Callable[[], None],
        seen: Callable[[Seen], None],
        announce: Callable[[int], None],
        counts: NodeCounts,
    ) -> None:
        """`announce`: called in this thread with the number before the node joins the others; it may raise `JournalError`. `kept`: called in this thread with the lease after each beat. `died`: called in the event loop when the node was declared
        dead; it goes on as a new one when that has returned. `seen`: called in the event loop after each beat.
        """
        self.number = membership.new_number()
        self.numbers = {self.number}
        """All that it had: words to an earlier one are for this node too."""
        self.lease = NodeLease(settings.lease_s)
        self.speaks = NEWEST
        """The version of events that this node knows; told at `join`."""
        self.report: Callable[[], Load] = lambda: self._load
        """Called in the event loop: what this node has to do."""
        self.draining = False
        """Set in the event loop: the node is about to stop."""
        self._load = Load(0, 0)
        self._name = settings.called
        self.link: Link | None = None
        self._address = address
        self._kept = kept
        self._died = died
        self._seen = seen
        self._counts = counts
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._answered_at = time.monotonic()
        self._asked = False
        self._stop = Event()
        self._failing = False
        self._thread = Thread(target=self._run, name="holdfast-beat", daemon=True)

    def join(self) -> None:
        """Be one of the nodes. Blocking. Raises `JournalError`, psycopg.Error."""
        self._announce(self.number)
        self.link = Link(self._address, f"{lock.connection_name()} beat"[:63])
        sent = time.monotonic()
        with self.link as connection:
            connection.execute(_FAST)
            membership.join(connection, self.number, self._name, self.speaks, self.lease.lease_s)
        self.lease = stored(self.lease, sent, time.monotonic())

    def start(self) -> None:
        """Start the thread, after `join`."""
        self._thread.start()

    def stop(self) -> None:
        """Leave, and end the thread. Blocking."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        elif self.link is not None:
            self._leave()

    def _run(self) -> None:
        while not self._stop.wait(self.lease.beat_s):
            self._ask_loop()
            if not may_beat(self._answered_at, time.monotonic()):
                continue
            try:
                self._beat(self._linked())
            except (JournalError, psycopg.Error) as error:
                self._failed(error)
        self._leave()

    def _beat(self, link: Link) -> None:
        sent = time.monotonic()
        with link as connection:
            seen = membership.beat(connection, self.number, self._load, self.lease.lease_s, draining=self.draining)
        if seen is None:
            self._begin_anew()
            return
        self.lease = stored(self.lease, sent, time.monotonic())
        self._kept(self.lease)
        self._failing = False
        self._on_loop(lambda: self._seen(seen))
        if may_declare(self.lease, time.monotonic()):
            with link as connection:
                gone = membership.declare(connection)
            self._counts.declared_dead += len(gone)
            for one in gone:
                log.warning("%s was lost: its sessions are taken over", one.name)

    def _begin_anew(self) -> None:
        """The node was declared dead. All that it runs is dropped before it goes on, as a new one."""
        log.warning("this node was declared dead by another: it drops its sessions and goes on as a new one")
        self.lease = ended(self.lease)
        dropped = Event()

        def drop() -> None:
            self._died()
            dropped.set()

        self._on_loop(drop)
        while not dropped.wait(self.lease.beat_s):
            if self._stop.is_set():
                return
        self.number = membership.new_number()
        self.numbers.add(self.number)
        self._drop_link()
        self.join()

    def _linked(self) -> Link:
        if self.link is None or not self.link.works:
            self._drop_link()
            self.link = Link(self._address, f"{lock.connection_name()} beat"[:63])
            with self.link as connection:
                connection.execute(_FAST)
        return self.link

    def _failed(self, error: Exception) -> None:
        self._drop_link()
        if not self._failing:
            self._failing = True
            why = explain(error, self._address.where) or error
            log.warning("a beat did not reach the database: %s", one_line(why))

    def _leave(self) -> None:
        try:
            with self._linked() as connection:
                membership.leave(connection, self.number)
        except (JournalError, psycopg.Error) as error:
            log.info("the other nodes learn of this one's end by its lease: %s", one_line(error))
        self._drop_link()

    def _drop_link(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()

    def _ask_loop(self) -> None:
        """Ask the event loop for a sign, unless it owes one."""
        if not self._asked:
            self._asked = True
            self._on_loop(self._answer)

    def _answer(self) -> None:
        self._answered_at = time.monotonic()
        self._asked = False
        self._load = self.report()

    def _on_loop(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self._stop.set()  # the loop has ended
