"""Inbox on a real database: what is forwarded waits once, for the session's owner alone, until the append that accepts it."""

import pytest

from server.journal.base import Deleted, NotFound
from server.journal.nodes.inbox import WAITING_MAX, Forwarded
from server.journal.postgres.journal import PostgresJournal
from tests.support.postgres.databases import Databases
from tests.unit.server.journal.builders import accepted, begin, item
from tests.unit.server.journal.postgres.nodes.test_ownership import nodes_of, two


def forwarded(digest: bytes = b"digest") -> Forwarded:
    return Forwarded(b'{"type":"undo"}', digest, "share", "sender")


async def waiting(journal: PostgresJournal) -> list[str]:
    return [one.submission_id for one in await nodes_of(journal).waiting([])]


async def test_what_is_forwarded_waits_for_the_owner_alone_and_once(database: str) -> None:
    async with two(database) as (a, b):
        await begin(a)
        here, there = nodes_of(b), nodes_of(a)
        assert await here.forward("s", "one", forwarded()) == "waits"
        assert await here.forward("s", "two\0é", forwarded()) == "waits"
        assert await here.forward("s", "one", forwarded()) == "waits"
        assert await here.forward("s", "one", forwarded(b"another")) == "conflict"
        assert await waiting(b) == []
        first, second = await there.waiting([])
        assert (first.session_id, first.submission_id, first.from_node) == ("s", "one", here.number)
        assert (second.submission_id, second.forwarded) == ("two\0é", forwarded())
        assert await there.waiting([first.number]) == [second]
        await there.remove([second.number])
        assert (await here.waits("s", "one"), await here.waits("s", "two\0é")) == (True, False)


async def test_the_append_that_accepts_a_submission_removes_it_and_one_that_is_refused_does_not(database: str) -> None:
    async with two(database) as (a, b):
        lease = await begin(a)
        await nodes_of(b).forward("s", "one", forwarded())
        await nodes_of(b).forward("s", "two", forwarded())
        with pytest.raises(Exception, match="stands at 0"):
            await a.append(item(lease, 7, "late", idempotency=(accepted("one"),)))
        assert await waiting(a) == ["one", "two"]
        await a.append(item(lease, 0, "event", idempotency=(accepted("one"),)))
        assert await waiting(a) == ["two"]
        assert await b.answer("s", "one") == accepted("one")


async def test_no_more_wait_than_the_bound(postgres: Databases, database: str) -> None:
    async with two(database) as (a, b):
        await begin(a)
        await nodes_of(b).forward("s", "first", forwarded())
        postgres.execute(
            "INSERT INTO inbox (session, submission_id, digest, data, from_node) SELECT session, n::text::bytea, digest, data, 1 "
            f"FROM inbox, generate_series(2, {WAITING_MAX}) n",
            database.rpartition("/")[2] if "?" not in database else database.partition("?")[0].rpartition("/")[2],
        )
        assert await nodes_of(b).forward("s", "last", forwarded()) == "full"
        assert len(await nodes_of(a).waiting([])) == 100


async def test_nothing_waits_for_a_session_that_is_gone(database: str) -> None:
    async with two(database) as (a, b):
        await begin(a)
        await nodes_of(b).forward("s", "one", forwarded())
        await a.delete("s")
        assert await waiting(a) == []
        with pytest.raises(Deleted):
            await nodes_of(b).forward("s", "two", forwarded())
        with pytest.raises(NotFound):
            await nodes_of(b).forward("never", "two", forwarded())


async def test_a_session_without_an_owner_for_which_something_waits_is_found(database: str) -> None:
    async with two(database) as (a, b):
        lease = await begin(a)
        await nodes_of(b).forward("s", "one", forwarded())
        assert await nodes_of(b).orphans(10) == []
        await a.release(lease)
        assert await nodes_of(b).orphans(10) == ["s"]
        await b.acquire("s")
        assert await waiting(b) == ["one"]
