"""Failover of PostgreSQL: the primary is killed and a standby promoted, one that has everything and one that lagged."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from server.journal.base import Conflict, Unavailable
from server.journal.postgres.journal import PostgresJournal, open_postgres
from tests.faults.harness.lengths import in_the_long_form
from tests.support.polling import eventually, until_done
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer
from tests.unit.server.journal.builders import begin, item, texts

pytestmark = in_the_long_form


@pytest.fixture
def primary(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    monkeypatch.setattr("server.journal.postgres.link.FSYNC_OFF_ALLOWED", True)
    one = PostgresServer(port="5432", wal_level="replica")
    Databases(one.url).execute("CREATE DATABASE work")
    yield one
    one.remove()


@pytest.fixture
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    one = PostgresServer(primary, port="5433", wal_level="replica")
    yield one
    one.remove()


async def opened(primary: PostgresServer, standby: PostgresServer) -> PostgresJournal:
    """By an address that names both, of which libpq takes the one that can be written."""
    return await open_postgres(
        f"postgresql://holdfast@/work?host={primary.folder},{standby.folder}&port=5432,5433&connect_timeout=2"
    )


async def test_a_synchronous_standby_has_every_event_that_was_acknowledged(
    primary: PostgresServer, standby: PostgresServer
) -> None:
    databases = Databases(primary.url)
    databases.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    databases.execute("SELECT pg_reload_conf()")
    journal = await opened(primary, standby)
    lease = await begin(journal, "s")
    await eventually(
        lambda: databases.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)], "a synchronous standby"
    )
    epoch = journal.epoch
    acknowledged = 0
    while acknowledged < 200:
        await journal.append(item(lease, acknowledged, str(acknowledged + 1)))
        acknowledged += 1
    primary.stop(signal.SIGQUIT)
    standby.promote()
    await until_done(lambda: journal.acquire("s"), Unavailable)  # until it has found the new primary
    assert await texts(journal) == [str(seq) for seq in range(1, acknowledged + 1)]
    assert journal.epoch != epoch
    assert await journal.good_position("s", epoch, acknowledged)
    await journal.aclose()


async def test_a_standby_that_lagged_begins_a_new_epoch_without_the_lost_positions(
    primary: PostgresServer, standby: PostgresServer
) -> None:
    journal = await opened(primary, standby)
    lease = await begin(journal, "s", "a", "b")
    replica = Databases(standby.url_of("work"))
    await eventually(lambda: len(replica.execute("SELECT seq FROM events")) == 2, "both events on the standby")
    epoch, heard = journal.epoch, asyncio.Event()
    journal.watch_epoch(heard.set)
    standby.stop()
    await journal.append(item(lease, 2, "lost", "lost too"))
    primary.stop(signal.SIGQUIT)
    standby.start()
    standby.promote()
    await until_done(lambda: journal.acquire("s"), Unavailable)  # until it has found the new primary
    await asyncio.wait_for(heard.wait(), 10)
    assert await texts(journal) == ["a", "b"]
    lease = await journal.acquire("s")
    with pytest.raises(Conflict):
        await journal.append(item(lease, 4, "of an owner that remembers more"))
    await journal.append(item(lease, 2, "c", "d"))
    assert [await journal.good_position("s", epoch, seq) for seq in range(1, 5)] == [True, True, False, False]
    assert await journal.good_position("s", journal.epoch, 4)
    await journal.aclose()
