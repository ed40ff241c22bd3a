"""Start on PostgreSQL: each reason not to start is one line with its remedy, and no password; a database has one server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.journal.base import JournalError, Unavailable
from server.journal.postgres import lock
from server.journal.postgres.errors import CannotStart, DatabaseInUse, SchemaTooNew
from server.journal.postgres.journal import open_postgres
from server.journal.postgres.schema import VERSION
from tests.support.postgres.databases import Databases
from tests.unit.server.journal.builders import begin


async def refusal(url: str, kind: type[JournalError], words: str) -> None:
    """The journal cannot be opened, for this reason."""
    with pytest.raises(kind, match=words) as refused:
        await (await open_postgres(url)).aclose()
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def made(postgres: Databases, database: str) -> Iterator[str]:
    """A database to spoil, without tables; its name."""
    name = postgres.make(empty=True)
    yield name
    postgres.drop(name)


async def test_an_empty_database_gets_its_tables_and_keeps_its_epoch(postgres: Databases, made: str) -> None:
    journal = await open_postgres(postgres.url_of(made))
    await begin(journal, "s", "a")
    epoch = journal.epoch
    await journal.aclose()
    journal = await open_postgres(postgres.url_of(made))
    assert journal.epoch == epoch
    assert (await journal.stat("s")).head == 1
    await journal.aclose()


async def test_a_second_server_is_refused_with_the_name_of_the_first(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_S", 0.1)
    first = await open_postgres(database)
    await refusal(database, DatabaseInUse, "in use by holdfast [0-9]+ on .*: stop that server")
    await begin(first)
    await first.aclose()
    await (await open_postgres(database)).aclose()


async def test_two_servers_at_once_on_an_empty_database_are_one(
    postgres: Databases, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_S", 0.1)
    first = await open_postgres(postgres.url_of(made))
    await refusal(postgres.url_of(made), DatabaseInUse, "stop that server")
    await first.aclose()


async def test_a_database_that_is_not_there(postgres: Databases, database: str) -> None:
    await refusal(postgres.url_of("nowhere"), Unavailable, "no such database: make it with CREATE DATABASE")


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    await refusal(f"postgresql://ann:s3cret@/work?host={tmp_path}", Unavailable, "does not answer: start it")
    await refusal("postgresql://ann:s3cret@127.0.0.1:1/work", Unavailable, "does not answer: start it")


async def test_a_user_that_is_not_there(postgres: Databases, made: str) -> None:
    await refusal(postgres.url_of(made, user="nobody"), Unavailable, "check user and password")


async def test_a_user_that_may_make_no_tables(postgres: Databases, made: str) -> None:
    user = f"weak_{made}"
    postgres.execute(f"CREATE ROLE {user} LOGIN")
    try:
        await refusal(postgres.url_of(made, user=user), Unavailable, r"GRANT CREATE ON SCHEMA.*schema public\)$")
        postgres.execute(f"REVOKE CONNECT ON DATABASE {made} FROM PUBLIC")
        await refusal(postgres.url_of(made, user=user), Unavailable, "may not connect: GRANT CONNECT ON DATABASE")
    finally:
        postgres.execute(f"DROP ROLE {user}")


async def test_an_encoding_that_is_not_utf_8(postgres: Databases, database: str) -> None:
    postgres.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        await refusal(postgres.url_of("ascii"), CannotStart, "encoding SQL_ASCII.*ENCODING 'UTF8'")
    finally:
        postgres.drop("ascii")


async def test_a_database_that_can_only_be_read(postgres: Databases, made: str) -> None:
    postgres.execute(f"ALTER DATABASE {made} SET default_transaction_read_only = on")
    await refusal(postgres.url_of(made), Unavailable, "can only be read: name the primary server")


async def test_a_schema_of_a_later_version(postgres: Databases, made: str) -> None:
    await (await open_postgres(postgres.url_of(made))).aclose()
    postgres.execute(f"UPDATE meta SET holdfast_schema = {VERSION + 1}", made)
    await refusal(postgres.url_of(made), SchemaTooNew, f"schema version {VERSION + 1}.*knows up to {VERSION}")
    assert postgres.execute("SELECT holdfast_schema FROM meta", made) == [(VERSION + 1,)]


async def test_the_tables_of_another_program(postgres: Databases, made: str) -> None:
    postgres.execute("CREATE TABLE events (id int)", made)
    await refusal(postgres.url_of(made), CannotStart, r"another program's tables \(events\)")
    postgres.execute("CREATE TABLE meta (id int)", made)
    await refusal(postgres.url_of(made), CannotStart, r"another program's tables \(events, meta\)")


async def test_a_search_path_that_leads_nowhere(postgres: Databases, made: str) -> None:
    await refusal(
        postgres.url_of(made, options="-csearch_path=nowhere"), CannotStart, "no schema of the search path is there"
    )


async def test_a_schema_of_its_own_holds_a_journal_of_its_own(postgres: Databases, made: str) -> None:
    postgres.execute("CREATE SCHEMA apart", made)
    other = await open_postgres(postgres.url_of(made))
    apart = await open_postgres(postgres.url_of(made, options="-csearch_path=apart"))
    await begin(apart, "s", "a")
    assert await other.list() == []
    await apart.aclose()
    await other.aclose()


async def test_a_server_that_does_not_wait_for_its_disk(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.postgres.link.FSYNC_OFF_ALLOWED", False)
    await refusal(database, CannotStart, "fsync = off and would lose stored events: set fsync = on")
