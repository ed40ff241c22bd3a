"""Ownership on a real database: nobody takes a session from a node that lives, and one that is dead stores nothing more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from server.journal.base import Fenced, Unavailable
from server.journal.nodes.base import OwnedElsewhere
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres import lock
from server.journal.postgres.describe import describe
from server.journal.postgres.errors import DatabaseInUse
from server.journal.postgres.journal import PostgresJournal, open_postgres
from server.journal.postgres.nodes.nodes import PostgresNodes
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.unit.server.journal.builders import begin, item, row, texts

SHORT_S = 0.3
"""A lease that is to end within the test. Where none is to end a busy machine must not end it."""
NODE = NodesSettings(several=True, lease_s=30.0)


def nodes_of(journal: PostgresJournal) -> PostgresNodes:
    assert journal.nodes is not None
    return journal.nodes


def pause(journal: PostgresJournal) -> None:
    """Let the node beat no more, as if it were stopped."""
    nodes_of(journal)._beat._stop.set()
    nodes_of(journal)._beat._thread.join()


@contextlib.asynccontextmanager
async def two(database: str, lease_s: float = NODE.lease_s) -> AsyncIterator[tuple[PostgresJournal, PostgresJournal]]:
    async with contextlib.AsyncExitStack() as ends:
        opened = []
        for _ in range(2):
            journal = await open_postgres(database, nodes=NodesSettings(several=True, lease_s=lease_s))
            ends.push_async_callback(journal.aclose)
            opened.append(journal)
        yield opened[0], opened[1]


async def test_a_session_of_a_living_node_is_not_taken_and_one_that_was_released_is(database: str) -> None:
    async with two(database) as (a, b):
        lease = await begin(a, "s", "one")
        with pytest.raises(OwnedElsewhere):
            await b.acquire("s")
        await a.append(item(lease, 1, "two"))
        assert await nodes_of(b).owned_elsewhere("s")
        assert not await nodes_of(a).owned_elsewhere("s")
        await a.release(lease)
        taken = await b.acquire("s")
        assert taken.term == 2
        await a.release(lease)  # of a lease that is over: nothing
        with pytest.raises(OwnedElsewhere):
            await a.acquire("s")
        with pytest.raises(Fenced):
            await a.append(item(lease, 2, "three"))
        await b.append(item(taken, 2, "three"))
        assert await texts(a) == ["one", "two", "three"]


async def test_of_two_that_take_a_session_at_once_one_gets_it(database: str) -> None:
    async with two(database) as (a, b):
        for n in range(10):
            await a.release(await begin(a, f"s{n}"))
        both = [one.acquire(f"s{n}") for n in range(10) for one in (a, b)]
        results = await asyncio.gather(*both, return_exceptions=True)
        for n in range(10):
            pair = results[2 * n : 2 * n + 2]
            assert sum(not isinstance(one, Exception) for one in pair) == 1, pair
            assert all(isinstance(one, OwnedElsewhere | Unavailable) for one in pair if isinstance(one, Exception))


async def test_what_a_lost_node_owned_is_taken_after_its_lease_and_not_before(database: str) -> None:
    async with two(database, SHORT_S) as (a, b):
        lease = await a.create(row("s", unfinished=True))
        idle = await begin(a, "idle")
        assert await nodes_of(b).orphans(10) == []
        lost: list[str] = []
        nodes_of(a).watch(lambda: lost.append("all"))
        # It leaves no word: only its lease ends.
        nodes_of(a)._beat._leave = nodes_of(a)._beat._drop_link  # type: ignore[method-assign]
        pause(a)
        await eventually(lambda: bool(lost))
        assert not nodes_of(a).is_good
        await eventually(lambda: nodes_of(b).orphans(10))
        assert await nodes_of(b).orphans(10) == ["s"]
        taken = [await b.acquire(one) for one in ("s", "idle")]
        assert [one.term for one in taken] == [2, 2]
        for old in (lease, idle):
            with pytest.raises(Fenced):
                await a.append(item(old, 0, "late"))


async def test_a_node_that_stops_cleanly_leaves_its_sessions_at_once(database: str) -> None:
    async with two(database) as (a, b):
        await begin(a)
        await a.aclose()
        assert (await b.acquire("s")).term == 2


async def test_a_node_that_was_declared_dead_drops_its_sessions_and_goes_on_as_another(
    postgres: Databases, database: str
) -> None:
    async with two(database, SHORT_S) as (a, b):
        await begin(a)
        before = nodes_of(a).number
        lost: list[int] = []
        nodes_of(a).watch(lambda: lost.append(nodes_of(a).number))
        postgres.execute(
            f"UPDATE nodes SET dead = true WHERE node = {before}", database.rpartition("/")[2].partition("?")[0]
        )
        await eventually(lambda: nodes_of(a).number != before and nodes_of(a).is_good)
        assert lost[0] == before
        await b.acquire("s")
        with pytest.raises(OwnedElsewhere):
            await a.acquire("s")


async def test_of_nodes_that_ended_the_last_are_listed_after_those_that_live(
    postgres: Databases, database: str
) -> None:
    async with two(database) as (a, b):
        made = "INSERT INTO nodes (node, name, version, good_until, beat_at, dead) SELECT n, 'x', '1', now(), now() + n * interval '1 s', true"
        postgres.execute(f"{made} FROM generate_series(1, 30) n", database.rpartition("/")[2].partition("?")[0])
        listed = [one.number for one in await nodes_of(a).everybody()]
        assert set(listed[:2]) == {nodes_of(a).number, nodes_of(b).number}
        assert listed[2:] == list(range(30, 10, -1))


async def test_two_that_start_at_once_on_an_empty_database_make_one_journal_of_it(
    postgres: Databases, database: str
) -> None:
    assert database, "which lets servers start on a server of the tests"
    name = postgres.make(empty=True)
    try:
        nodes = NodesSettings(several=True, lease_s=30.0)
        opened = [open_postgres(postgres.url_of(name), nodes=nodes) for _ in range(2)]
        first, second = await asyncio.gather(*opened)
        assert first.epoch == second.epoch
        assert len(await nodes_of(first).everybody()) == 2
        await begin(first, "s", "one")
        assert [record.seq for record in await second.read("s", 0)] == [1]
        for journal in (first, second):
            await journal.aclose()
    finally:
        postgres.drop(name)


async def test_a_server_that_is_alone_and_several_do_not_share_a_database(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_S", 0.05)
    alone = await open_postgres(database)
    with pytest.raises(DatabaseInUse, match=r"start that one with nodes\.several too"):
        await open_postgres(database, nodes=NODE)
    await begin(alone)
    await alone.aclose()
    async with two(database) as (a, _):
        with pytest.raises(DatabaseInUse, match="stop that server"):
            await open_postgres(database)
        about = describe(database).about
        assert about.endswith(" have it") and about.count("holdfast ") == 2
        assert (await a.acquire("s")).term == 2
    alone = await open_postgres(database)
    assert (await alone.acquire("s")).term == 3
    await alone.aclose()
