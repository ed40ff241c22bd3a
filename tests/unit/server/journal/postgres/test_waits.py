"""Waits on a real database: what a statement that waits for another server's rows holds meanwhile, and what it decides afterwards."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest

from server.journal.base import AppendItem, Lease, Spent
from server.journal.credentials import Bounds
from server.journal.postgres import credentials, lineage, lock
from server.journal.postgres.address import Address
from server.journal.postgres.appends import Appender, Outcome
from server.journal.postgres.link import Link
from server.journal.postgres.schema import Connection
from server.journal.postgres.transactions import Transactions
from tests.unit.server.journal.builders import accepted, item, row
from tests.unit.server.journal.postgres.test_credentials import login

_WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock')"
USERS = ("ann", "bob", "cyd", "dan", "eve", "fay")


class Writing(NamedTuple):
    """A server's writer, whose calls are made in a thread, and what another server does."""

    transactions: Transactions
    link: Link
    thread: ThreadPoolExecutor
    other: Connection

    def create(self, *session_ids: str) -> list[Lease]:
        return [self.transactions.create(row(one), None) for one in session_ids]

    def waiting(self, call: Callable[[], Any]) -> "Future[Any]":
        """The call, once it waits for what the other holds."""
        begun = self.thread.submit(call)
        pid = self.link.connection.info.backend_pid
        with psycopg.connect(self.other.info.dsn, autocommit=True) as third:
            while not begun.done() and third.execute(_WAITS, (pid,)).fetchone() == (False,):
                pass
        assert not begun.done()
        return begun

    def append(self, items: list[AppendItem]) -> list[Outcome]:
        return self.transactions.appender.append(items)


@pytest.fixture
def writing(database: str) -> Iterator[Writing]:
    with contextlib.ExitStack() as ends:
        link = Link(Address(database, {}), lock.connection_name())
        ends.callback(link.close)
        appender = Appender(link, lineage.settle(link.connection, None))
        thread = ends.enter_context(ThreadPoolExecutor(1))
        other = ends.enter_context(psycopg.connect(database, autocommit=True))
        yield Writing(Transactions(link, appender, lambda: 1), link, thread, other)


def test_appends_lock_sessions_in_one_order_so_that_no_two_servers_wait_for_one_another(writing: Writing) -> None:
    first, second, third = writing.create("a", "b", "c")
    with writing.other.transaction():
        writing.other.execute("SELECT FROM sessions WHERE session_id = 'a' FOR UPDATE")
        items = [item(lease, 0, "hello") for lease in (third, first, second)]
        appended = writing.waiting(lambda: writing.append(items))
        free = writing.other.execute("SELECT session_id FROM sessions FOR UPDATE SKIP LOCKED").fetchall()
        assert sorted(free) == [(b"a",), (b"b",), (b"c",)]
    assert appended.result() == [None, None, None]


def test_appends_lock_what_users_spent_in_one_order(writing: Writing) -> None:
    leases = writing.create(*USERS)
    items = [
        msgspec.structs.replace(item(lease, 0, "hello"), spent=Spent(user, "2026-11-30", 1, 1))
        for lease, user in zip(leases, USERS, strict=True)
    ]
    assert writing.append(items) == [None] * len(USERS)
    again = [msgspec.structs.replace(item(one.lease, 1, "more"), spent=one.spent) for one in reversed(items)]
    with writing.other.transaction():
        writing.other.execute("SELECT FROM spending WHERE user_id = 'ann' FOR UPDATE")
        appended = writing.waiting(lambda: writing.append(again))
        free = writing.other.execute("SELECT FROM spending FOR UPDATE SKIP LOCKED").rowcount
        assert free == len(USERS)
    assert appended.result() == [None] * len(USERS)
    assert writing.other.execute("SELECT DISTINCT tokens FROM spending").fetchall() == [(2,)]


def test_answers_sent_again_while_their_first_try_is_being_stored_are_stored_once(writing: Writing) -> None:
    (lease,) = writing.create("s")
    answers = item(lease, 0, idempotency=(accepted("one"),))
    with writing.other.transaction():  # the first try, whose connection broke
        writing.other.execute("UPDATE sessions SET head = head")
        (answer,) = answers.idempotency
        writing.other.execute(
            "INSERT INTO submissions SELECT key, %s, %s, %s FROM sessions", (b"one", answer.digest, answer.answer)
        )
        appended = writing.waiting(lambda: writing.append([answers]))
    assert appended.result() == [None]
    assert writing.other.execute("SELECT submission_id FROM submissions").fetchall() == [(b"one",)]


def test_two_servers_that_add_a_login_at_once_keep_the_bound(writing: Writing) -> None:
    bounds = Bounds(now=0.0, most=3, most_of_user=2)
    for name, at in (("one", 1.0), ("two", 2.0)):
        credentials.add(writing.link.connection, login(name, at=at), bounds)
    with writing.other.transaction():
        credentials.add(writing.other, login("three", at=3.0), bounds)
        added = writing.waiting(lambda: credentials.add(writing.link.connection, login("four", at=4.0), bounds))
    assert added.result()
    assert [one.id for one in credentials.all_of(writing.other, "login")] == ["four", "three"]


def test_what_is_forwarded_while_a_session_is_emptied_goes_with_its_tombstone(writing: Writing) -> None:
    writing.create("s")
    with writing.other.transaction():  # begun before the deletion
        put = "INSERT INTO inbox (session, submission_id, digest, data, from_node) SELECT key, 'late', '', '', 2 FROM sessions"
        writing.other.execute(put)
        writing.transactions.delete("s")
        while writing.transactions.purge(10):
            pass
    assert writing.other.execute("SELECT count(*) FROM inbox").fetchone() == (1,)
    assert writing.transactions.forget_deleted("2999-01-01T00:00:00Z", 10) == 1
    assert writing.other.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
