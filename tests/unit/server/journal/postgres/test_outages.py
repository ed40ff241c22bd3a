"""Outages of PostgreSQL: what waits is refused as unavailable, the journal goes on by itself, and nothing is stored twice."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import msgspec
import pytest

from server.journal.base import Journal, Lease, Spent, Unavailable
from server.journal.postgres import link
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import PostgresJournal, open_postgres
from tests.faults.harness.lengths import length
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import until_done
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer
from tests.unit.server.journal.builders import accepted, begin, item, row, texts

Spoil = Callable[[], Awaitable[None]]


@pytest.fixture
async def journal(tcp_server: PostgresServer, tcp_database: str) -> AsyncIterator[PostgresJournal]:
    opened = await open_postgres(tcp_server.url_of(tcp_database))
    yield opened
    await opened.aclose()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_stops_and_starts_again_is_used_again(
    tcp_server: PostgresServer, journal: Journal, how: signal.Signals
) -> None:
    lease = await begin(journal, "s", "a")
    epoch = journal.epoch
    tcp_server.stop(how)
    next_one = item(lease, 1, "b", idempotency=(accepted("one"),), row=row())
    try:
        for call in (journal.append(next_one), journal.stat("s"), journal.acquire("s"), journal.delete("s")):
            with pytest.raises(Unavailable, match=r"^PostgreSQL at ") as refused:
                await call
            assert "\n" not in str(refused.value)
    finally:
        tcp_server.start()
    await until_done(lambda: journal.append(next_one), Unavailable)
    await journal.append(next_one)
    assert await texts(journal) == ["a", "b"]
    assert journal.epoch == epoch
    assert await journal.good_position("s", epoch, 2)


@pytest.mark.timeout(length(120, 600))
async def test_connections_that_end_at_any_moment_lose_and_double_nothing(
    tcp_server: PostgresServer, tcp_database: str, journal: Journal
) -> None:
    """Each item is given again, identically, until it is stored. After each seventh all connections end, whatever they do."""
    databases, stored, cuts = Databases(tcp_server.url), 0, 0
    leases = [await begin(journal, f"s{number}") for number in range(10)]

    async def append(lease: Lease) -> None:
        nonlocal stored, cuts
        for head in range(length(60, 600)):
            answers = (accepted(str(head)),) if head % 3 == 0 else ()
            one = item(
                lease, head, str(head), idempotency=answers, row=row(lease.session_id) if head % 5 == 0 else None
            )
            one = msgspec.structs.replace(one, spent=Spent("ann", "day", 1, 2))
            await until_done(partial(journal.append, one), Unavailable)
            stored += 1
            if stored % 7 == 0:
                cuts += len(await asyncio.to_thread(databases.execute, END_CONNECTIONS.format(tcp_database)))

    await asyncio.gather(*map(append, leases))
    assert cuts > 0
    for lease in leases:
        assert await all_texts(journal, lease.session_id) == [str(head) for head in range(length(60, 600))]
    assert await journal.spent("ann", "day") == Spent("ann", "day", stored, 2 * stored)


END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


async def all_texts(journal: Journal, session_id: str) -> list[str]:
    """What is stored; the first read may find its connection ended."""
    await until_done(lambda: journal.stat(session_id), Unavailable)
    return await texts(journal, session_id)


async def test_a_restart_between_two_calls_is_not_noticed(tcp_server: PostgresServer, journal: Journal) -> None:
    lease = await begin(journal, "s", "a")
    assert await texts(journal) == ["a"]
    tcp_server.stop()
    tcp_server.start()
    await journal.append(item(lease, 1, "b"))
    assert await texts(journal) == ["a", "b"]


async def test_a_commit_that_gets_no_answer_is_not_cancelled_and_is_found_when_it_is_tried_again(
    tcp_server: PostgresServer, tcp_database: str, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a standby that is silent: until that answers, no reader sees what was not replicated."""
    monkeypatch.setattr(link, "ANSWER_S", 0.2)
    monkeypatch.setattr("server.journal.postgres.journal.LOOK_S", 0.05)
    lease = await begin(journal, "s", "a")
    databases = Databases(tcp_server.url)
    head, waiting, refused = 0, item(lease, 1, "1"), None
    standby(databases, "'nobody'")
    try:
        async with asyncio.timeout(20):
            while refused is None:  # the server's processes read their settings one after another
                head += 1
                waiting = item(lease, head, str(head), idempotency=(accepted(str(head)),))
                [refused] = await asyncio.gather(journal.append(waiting), return_exceptions=True)
        assert isinstance(refused, Unavailable)
        with pytest.raises(Unavailable):
            await journal.append(waiting)
        assert len(await texts(journal)) == head
    finally:
        standby(databases, "''")
    await until_done(lambda: journal.append(waiting), Unavailable)
    assert await texts(journal) == ["a", *map(str, range(1, head + 1))]
    assert await journal.answer("s", str(head)) == accepted(str(head))


def standby(databases: Databases, name: str) -> None:
    """Have commits wait for the standby of this name."""
    databases.execute(f"ALTER SYSTEM SET synchronous_standby_names = {name}")
    databases.execute("SELECT pg_reload_conf()")


async def test_a_primary_that_became_read_only_is_left(
    tcp_server: PostgresServer, tcp_database: str, journal: Journal
) -> None:
    lease = await begin(journal, "s", "a")
    databases = Databases(tcp_server.url)
    databases.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    databases.execute("SELECT pg_reload_conf()")
    refused: BaseException | None = None
    try:
        async with asyncio.timeout(20):
            for head in itertools.count(1):  # the server's processes read their settings one after another
                [refused] = await asyncio.gather(journal.append(item(lease, head, "b")), return_exceptions=True)
                if refused is not None:
                    break
    finally:
        databases.execute("ALTER SYSTEM RESET default_transaction_read_only")
        databases.execute("SELECT pg_reload_conf()")
    assert isinstance(refused, Unavailable)
    assert "can only be read: name the primary server" in str(refused)
    await until_done(lambda: journal.create(row("t")), Unavailable)


async def test_a_full_disk_is_unavailable_until_there_is_room(
    tcp_server: PostgresServer, tcp_database: str, journal: Journal
) -> None:
    """The server's own word for it, raised by a trigger: SQLSTATE 53100."""
    lease = await begin(journal, "s", "a")
    databases = Databases(tcp_server.url)
    databases.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;"
        " CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
        tcp_database,
    )
    with pytest.raises(Unavailable, match="the server lacks disk, memory or connections"):
        await journal.append(item(lease, 1, "b"))
    assert await texts(journal) == ["a"]
    databases.execute("DROP TRIGGER full_disk ON events", tcp_database)
    await journal.append(item(lease, 1, "b"))
    assert await texts(journal) == ["a", "b"]


async def test_a_password_does_not_cross_a_network_in_the_clear(tcp_server: PostgresServer, tcp_database: str) -> None:
    with pytest.raises(CannotStart, match=r"offers no TLS.*sslmode=disable") as refused:
        await open_postgres(tcp_server.tcp_url_of(tcp_database) + "?sslmode=require")
    assert "s3cret" not in str(refused.value)
    journal = await open_postgres(tcp_server.tcp_url_of(tcp_database))
    await begin(journal, "s", "a")
    await journal.aclose()


async def test_closing_while_the_server_is_silent_does_not_wait_for_an_answer_as_long_as_else(
    tcp_server: PostgresServer, tcp_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.journal.postgres.journal.CLOSING_S", 0.2)
    async with TcpProxy("127.0.0.1", int(tcp_server.options["port"])) as proxy:
        url = f"postgresql://holdfast@127.0.0.1:{proxy.port}/{tcp_database}?connect_timeout=2"
        journal = await open_postgres(url)
        lease = await begin(journal, "s", "a")
        proxy.blackhole()
        waiting = journal.append(item(lease, 1, "b"))
        async with asyncio.timeout(link.ANSWER_S / 2):
            await journal.aclose()
        with pytest.raises(Unavailable):
            await waiting


async def test_closing_while_the_server_is_away_ends(tcp_server: PostgresServer, tcp_database: str) -> None:
    journal = await open_postgres(tcp_server.url_of(tcp_database))
    await begin(journal, "s", "a")
    tcp_server.stop(signal.SIGQUIT)
    try:
        async with asyncio.timeout(10):
            await journal.aclose()
    finally:
        tcp_server.start()
