"""Notices: the threads by which a node tells the others what it stored, and hears them. Each has a connection of its own.

Never inside the transaction that appends: a NOTIFY holds one lock of the whole database over the commit's flush. Others look by
themselves each second, so that a word may be lost.
"""

import asyncio
import logging
import secrets
import select
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Event, Lock, Thread

import psycopg
from psycopg import pq

from server.journal.base import JournalError
from server.journal.nodes import words
from server.journal.nodes.wanted import Wanted
from server.journal.postgres import lock
from server.journal.postgres.address import Address
from server.journal.postgres.errors import error_of, explain, one_line
from server.journal.postgres.link import Link
from server.journal.postgres.schema import Connection

log = logging.getLogger("holdfast.nodes")

CHANNEL = "holdfast"

_TELL, _TELL_NAME = b"SELECT pg_notify($1, $2)", b"tell"

PAUSE_S = 0.003
"""Pause between two words: what is stored meanwhile is told together."""

WAITING_MAX = 10_000
"""Sessions of which may wait to be told while the database does not answer. With more all are forgotten: others look by themselves."""

HEAR_S = 1.0
"""After so long without a word the connection is tried: one that is half open is silent."""

AGAIN_S = 0.2
"""Pause before another connection is made."""

HEARD_S = 3.0
"""How long a word of one's own may take to be heard."""


def hears(connection: Connection) -> bool:
    """Whether a word comes back: through some poolers LISTEN is accepted and hears nothing."""
    channel = f"{CHANNEL}_{secrets.token_hex(8)}"
    connection.execute(f"LISTEN {channel}".encode())
    connection.execute("SELECT pg_notify(%s, '')", (channel,))
    heard = any(True for _ in connection.notifies(timeout=HEARD_S, stop_after=1))
    connection.execute(f"UNLISTEN {channel}".encode())
    return heard


class Linked:
    """A thread with a connection of its own, which is made anew when it broke. `link` may be aborted by any thread."""

    def __init__(self, address: Address, name: str) -> None:
        self.link: Link | None = None
        self._address = address
        self._name = name
        self._stop = Event()
        self._failing = False
        self._thread = Thread(target=self._run, name=f"holdfast-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Blocking."""
        self._stop.set()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work(self._linked())
                self._failing = False
            except (JournalError, psycopg.Error) as error:
                self._drop_link()
                if not self._failing and not self._stop.is_set():
                    self._failing = True
                    why = explain(error, self._address.where) or error
                    log.warning("words between servers wait for the database: %s", one_line(why))
                self._stop.wait(AGAIN_S)
        self._drop_link()

    def _linked(self) -> Link:
        if self.link is None or not self.link.works:
            self._drop_link()
            self.link = Link(self._address, f"{lock.connection_name()} {self._name}"[:63])
            self._connected(self.link)
        return self.link

    def _drop_link(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()

    def _connected(self, link: Link) -> None:
        raise NotImplementedError

    def _work(self, link: Link) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        raise NotImplementedError


class Notifier(Linked):
    """Tells the others how far the sessions are stored that they want."""

    def __init__(self, address: Address, number: Callable[[], int]) -> None:
        super().__init__(address, "notify")
        self._number = number
        self._wanted = Wanted()
        self._heads: dict[str, int] = {}
        self._untold: dict[str, int] = {}
        """The heads of sessions that nobody wanted. Who wants one then may not have seen it: its word came later than the head."""
        self._wants: set[str] = set()
        self._next_at = 0.0
        self._words: list[str] = []
        self._lock = Lock()
        self._some = Event()

    def tell(self, heads: Mapping[str, int], others: int) -> None:
        """Tell of those soon that one of so many other nodes wants, and of deletions. Called in any thread."""
        with self._lock:
            wanted = self._wanted.of(heads, others, time.monotonic())
            for session_id, head in heads.items():
                told = session_id in wanted or head == words.DELETED
                self._untold.pop(session_id, None)
                (self._heads if told else self._untold)[session_id] = head
            for held in (self._heads, self._untold):
                if len(held) > WAITING_MAX:
                    held.clear()
            some = bool(self._heads)
        if some:
            self._some.set()

    def want(self, session_ids: Iterable[str]) -> None:
        """Say soon that this node wants to be told of these too. Called in any thread."""
        with self._lock:
            if len(self._wants) < WAITING_MAX:
                self._wants.update(session_ids)
        self._some.set()

    def hear(self, word: words.Wants | words.WantsAlso) -> None:
        """Another node wants to be told. Called in any thread."""
        with self._lock:
            if isinstance(word, words.Wants):
                self._wanted.hear(word.node, word.marks, time.monotonic())
                return
            self._wanted.hear_also(word.node, word.sessions, time.monotonic())
            self._heads |= {one: self._untold.pop(one) for one in word.sessions if one in self._untold}
        self._some.set()

    def forget(self) -> None:
        """Words may have been lost: tell of everything until all others have said again what they want. Called in any thread."""
        with self._lock:
            self._wanted.forget()

    def say(self, word: str) -> None:
        """Say one word soon. Called in any thread."""
        with self._lock:
            if len(self._words) < WAITING_MAX:
                self._words.append(word)
        self._some.set()

    def _connected(self, link: Link) -> None:
        with link as connection:
            connection.execute("SET synchronous_commit = off")
            result = link.pgconn.prepare(_TELL_NAME, _TELL)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise error_of(result)

    def _work(self, link: Link) -> None:
        self._some.wait()
        pause_s = self._next_at - time.monotonic()
        if pause_s > 0:
            self._stop.wait(pause_s)
        self._some.clear()
        with self._lock:
            heads, self._heads = self._heads, {}
            said, self._words = self._words, []
            wants, self._wants = self._wants, set()
        number = self._number()
        # What is wanted also comes last: a word that was said may be that this node wants some sessions, and no others.
        for word in [*words.write_heads(number, heads.items()), *said, *words.write_wants_also(number, wants)]:
            with link:  # past the driver's cursor, which takes twice the CPU: there is a word for each commit
                result = link.pgconn.exec_prepared(_TELL_NAME, [CHANNEL.encode(), word.encode()])
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise error_of(result)
        self._next_at = time.monotonic() + PAUSE_S

    def _wake(self) -> None:
        self._some.set()


class Listener(Linked):
    """Hears the others."""

    def __init__(
        self, address: Address, number: Callable[[], int], heard: Callable[[str], None], missed: Callable[[], None]
    ) -> None:
        """`heard`: called in the event loop with each word that is not news of this node (`number`) itself. `missed`: called there when words
        may have been lost.
        """
        super().__init__(address, "listen")
        self._number = number
        self._heard = heard
        self._missed = missed
        self._loop = asyncio.get_running_loop()

    def _connected(self, link: Link) -> None:
        with link as connection:
            connection.execute(f"LISTEN {CHANNEL}".encode())
        self._on_loop(self._missed)

    def _work(self, link: Link) -> None:
        pgconn = link.pgconn
        readable = select.poll()
        readable.register(pgconn.socket, select.POLLIN)
        while True:
            while (notice := pgconn.notifies()) is not None:  # some may have come with an answer
                word = notice.extra.decode()
                if not words.is_news_of(word, self._number()):
                    self._on_loop(partial(self._heard, word))
            if not readable.poll(HEAR_S * 1_000):
                break
            pgconn.consume_input()
        with link:
            result = pgconn.exec_(b"SELECT 1")
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise error_of(result)

    def _on_loop(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self._stop.set()  # the loop has ended

    def _wake(self) -> None:
        link = self.link
        if link is not None:
            link.abort()
