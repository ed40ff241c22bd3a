"""Lineage on PostgreSQL: a database that lost what clients have seen begins a new epoch, at a start and under an open journal."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from server.journal.postgres.journal import PostgresJournal, open_postgres
from server.journal.postgres.lineage import settle
from tests.support.postgres.databases import Databases
from tests.unit.server.journal.builders import begin, item, texts


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def become_another(postgres: Databases, url: str) -> None:
    """What a promoted standby looks like: another timeline in the name of its log, and every connection broken."""
    postgres.execute(
        "UPDATE meta SET lineage = 'another';"
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        name_of(url),
    )


async def begun(journal: PostgresJournal) -> asyncio.Event:
    """Set when the journal says that a new epoch began."""
    event = asyncio.Event()
    journal.watch_epoch(event.set)
    return event


async def test_a_new_epoch_begins_under_an_open_journal(postgres: Databases, database: str) -> None:
    journal = await open_postgres(database)
    lease = await begin(journal, "s", "a", "b")
    await begin(journal, "quiet", "x")
    before, heard = journal.epoch, await begun(journal)
    become_another(postgres, database)
    await journal.append(item(lease, 2, "c"))
    async with asyncio.timeout(5):
        await heard.wait()
    assert journal.epoch != before
    assert [await journal.good_position("s", before, seq) for seq in (1, 2, 3)] == [True, True, False]
    assert await journal.good_position("s", journal.epoch, 3)
    assert [await journal.good_position("quiet", before, seq) for seq in (1, 2)] == [True, False]
    await journal.aclose()


async def test_what_was_lost_is_no_good_position_after_the_numbers_were_given_again(
    postgres: Databases, database: str
) -> None:
    journal = await open_postgres(database)
    lease = await begin(journal, "s", "a", "b", "c")
    before = journal.epoch
    await journal.aclose()
    name = name_of(database)
    postgres.execute(
        "DELETE FROM events WHERE seq > 1; UPDATE sessions SET head = 1; UPDATE meta SET lineage = 'x'", name
    )
    journal = await open_postgres(database)
    assert journal.epoch != before
    assert [await journal.good_position("s", before, seq) for seq in (1, 2, 3)] == [True, False, False]
    await journal.append(item(lease, 1, "B", "C", "D"))
    assert [await journal.good_position("s", before, seq) for seq in (1, 2, 3)] == [True, False, False]
    assert await journal.good_position("s", journal.epoch, 4)
    third = await begin(journal, "new", "n")
    assert not await journal.good_position("new", before, 1)
    await journal.append(item(third, 1, "m"))
    assert await journal.good_position("new", journal.epoch, 2)
    await journal.aclose()


async def test_a_restored_copy_begins_a_new_epoch_and_a_restart_does_not(postgres: Databases, database: str) -> None:
    journal = await open_postgres(database)
    await begin(journal, "s", "a")
    epoch = journal.epoch
    await journal.aclose()
    name = name_of(database)
    postgres.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    try:
        copy = await open_postgres(postgres.url_of(f"{name}_copy"))
        assert copy.epoch != epoch
        assert await texts(copy) == ["a"]
        await copy.aclose()
    finally:
        postgres.drop(f"{name}_copy")
    journal = await open_postgres(database)
    assert journal.epoch == epoch
    await journal.aclose()


async def test_a_log_that_went_back_begins_a_new_epoch(
    postgres: Databases, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older copy of the server's files was put back while the journal was open: only its log is shorter."""
    from server.journal.postgres import lineage

    journal = await open_postgres(database)
    lease = await begin(journal, "s", "a")
    before, heard = journal.epoch, await begun(journal)
    real = lineage.look
    monkeypatch.setattr(lineage, "look", lambda connection: (real(connection)[0], 1))
    postgres.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        name_of(database),
    )
    await journal.append(item(lease, 1, "b"))
    async with asyncio.timeout(5):
        await heard.wait()
    assert journal.epoch != before
    monkeypatch.undo()
    await journal.aclose()


async def test_of_several_servers_one_begins_the_new_epoch_and_the_others_go_on_in_it(
    postgres: Databases, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        known = settle(connection, None)
        further = known._replace(log=known.log + (1 << 40))  # as the log was before a standby that lagged was promoted
        become_another(postgres, database)
    with psycopg.connect(database, autocommit=True) as connection:
        begun_there = settle(connection, further)
        assert begun_there.ordinal != known.ordinal
        assert settle(connection, further).ordinal == begun_there.ordinal
        gone_back = begun_there._replace(log=begun_there.log + (1 << 40))
        assert settle(connection, gone_back).ordinal != begun_there.ordinal
        connection.execute("UPDATE meta SET epoch = %s", (known.ordinal,))  # a copy from before the epoch began
        assert settle(connection, begun_there).ordinal > begun_there.ordinal


_WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock')"


def test_a_server_that_waits_for_another_goes_on_in_the_epoch_that_that_one_began(database: str) -> None:
    with (
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(database, autocommit=True) as one,
        psycopg.connect(database, autocommit=True) as other,
    ):
        with one.transaction():
            begun_there = settle(one, None)
            waiting = thread.submit(settle, other, None)
            while not waiting.done() and one.execute(_WAITS, (other.info.backend_pid,)).fetchone() == (False,):
                pass
            assert not waiting.done()
        assert waiting.result().name == begun_there.name
