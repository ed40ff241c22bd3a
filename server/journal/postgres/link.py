"""Link: a connection to the database, set up as the journal needs it, which can be closed from outside while it waits for an answer."""

import os
import socket
import threading
import time
from typing import Any

import psycopg
from psycopg import pq

from server.journal.base import JournalError, Unavailable
from server.journal.postgres.address import Address
from server.journal.postgres.errors import CannotStart, explain, not_connected
from server.journal.postgres.schema import Connection

ANSWER_S = 30.0
"""How long the database may take for an answer; then the link is closed, as a statement that writes is never cancelled. Behind a
synchronous standby that is silent a cancelled commit would be seen by readers though it was not replicated."""

OLDEST = 140_000
"""PostgreSQL 14: the oldest version that is tested."""

_SESSION = b"""
    SET default_transaction_isolation = 'read committed'; SET client_min_messages = error; SET bytea_output = hex;
    SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
    SELECT set_config(name, '0', false) FROM unnest(ARRAY['transaction_timeout']) AS name
        WHERE current_setting(name, true) IS NOT NULL;
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000
"""
"""What the role or the database may have set otherwise. Keepalives: the server lets go of a node that vanished, and of its lock."""

_CHECKS = """
    SELECT current_setting('server_encoding'), current_setting('fsync'),
        current_setting('transaction_read_only'), pg_backend_pid(), current_setting('synchronous_commit'),
        current_schema()
"""

FSYNC_OFF_ALLOWED = False
"""Whether a server without fsync is taken, which loses stored events with the machine. Only tests change it."""


class Link:
    """A connection with its address. One thread uses it; `abort` may come from any. Through a pooler it only reads, and nothing is set
    or prepared: the next transaction may be on another connection of the database.
    """

    def __init__(self, address: Address, name: str) -> None:
        """Connect; `name` is shown in the database's list of connections. Blocking. Raises `CannotStart`, `Unavailable`."""
        self.where = address.where
        self.waits_since: float | None = None
        """When the statement under way began (monotonic clock); None between statements."""
        self._lock = threading.Lock()
        try:
            self.connection: Connection = psycopg.connect(
                address.conninfo,
                autocommit=True,
                prepare_threshold=None if address.pooled else 5,
                application_name=name,
            )
            if address.pooled:
                self.connection.read_only = True  # said with each BEGIN
        except psycopg.Error as error:
            raise not_connected(error, self.where, address.key) from error
        self._socket: socket.socket | None = socket.socket(fileno=os.dup(self.pgconn.socket))
        try:
            self._set_up(address)
        except BaseException as error:
            self.close()
            fault = explain(error, self.where)
            if fault is not None:
                raise fault from error
            raise

    @property
    def pgconn(self) -> pq.abc.PGconn:
        """The connection as libpq has it."""
        return self.connection.pgconn

    @property
    def works(self) -> bool:
        """Whether it can be used, as far as is known here: what the server sent in the meantime is looked at."""
        try:
            self.pgconn.consume_input()
            self.pgconn.consume_input()  # the first reads the server's last words, the second that it closed the connection
        except psycopg.Error:
            return False
        return self.pgconn.status == pq.ConnStatus.OK

    def __enter__(self) -> Connection:
        """For a block of statements: its time is bounded by `ANSWER_S`."""
        self.waits_since = time.monotonic()
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.waits_since = None

    def abort_if_silent(self, after_s: float | None = None) -> bool:
        """End the connection if its statement takes longer than `after_s` (`ANSWER_S`); its thread then gets an error. True if so."""
        since = self.waits_since
        if since is None or time.monotonic() - since < (ANSWER_S if after_s is None else after_s):
            return False
        return self.abort()

    def abort(self) -> bool:
        """End the connection; the thread that waits for it gets an error. False if it had ended."""
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return False
        return True

    def close(self) -> None:
        """Close it; what waits for the server ends with an error there."""
        self.connection.close()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _set_up(self, address: Address) -> None:
        version = self.pgconn.server_version
        if version < OLDEST:
            raise CannotStart(f"{self.where} is of version {version // 10_000}: Holdfast needs PostgreSQL 14 or newer")
        with self as connection:
            if not address.pooled:
                connection.execute(_SESSION)
            found = connection.execute(_CHECKS).fetchone()
        assert found is not None
        _check(found, address, self.pgconn.backend_pid)
        if found[4] == "off" and not address.pooled:
            with self as connection:
                connection.execute("SET synchronous_commit = on")


class Connector:
    """Makes links to one address. Of calls that wait while the server is silent not each waits for an attempt of its own."""

    def __init__(self, address: Address, name: str) -> None:
        """`name`: see `Link`."""
        self._address = address
        self._name = name
        self._failure: JournalError | None = None
        self._until = 0.0

    def connect(self) -> Link:
        """A new link. After a failed attempt it is refused, without another, for as long as that took.

        Raises `CannotStart`, `Unavailable`.
        """
        began = time.monotonic()
        if self._failure is not None and began < self._until:
            raise type(self._failure)(str(self._failure))
        try:
            link = Link(self._address, self._name)
        except JournalError as failure:
            ended = time.monotonic()
            self._failure, self._until = failure, ended + (ended - began)
            raise
        self._failure = None
        return link


def _check(found: tuple[Any, ...], address: Address, backend: int) -> None:
    """Refuse a server that cannot keep the journal's promises. Raises `CannotStart`, `Unavailable`."""
    encoding, fsync, read_only, pid, _, place = found
    where = address.where
    if encoding != "UTF8":
        raise CannotStart(
            f"{where} has the encoding {encoding}: make a database with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    if fsync != "on" and not FSYNC_OFF_ALLOWED:
        raise CannotStart(f"{where} runs with fsync = off and would lose stored events: set fsync = on and restart it")
    if place is None:
        raise CannotStart(
            f"{where}: no schema of the search path is there: make one that the user of {address.key} owns, or name it with "
            "?options=-csearch_path%3DNAME"
        )
    if read_only == "on":
        raise Unavailable(
            f"{where} can only be read: name the primary server in {address.key}, or end default_transaction_read_only"
        )
    if pid != backend and not address.pooled:
        raise CannotStart(
            f"{where} is reached through a pooler: name the server itself in journal.direct_url (HOLDFAST_JOURNAL_DIRECT_URL); "
            "journal.url may stay the pooler's"
        )
