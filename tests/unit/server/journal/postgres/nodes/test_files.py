"""Files of several servers: one that sees another folder than those that live does not start, and is none of them."""

from pathlib import Path

import psycopg
import pytest

from server.journal.backend import open_backend
from server.journal.nodes.settings import NodesSettings
from server.journal.nodes.shared_folder import FOLDER
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import PostgresJournal, open_postgres
from server.journal.postgres.nodes import folder as folder_module
from server.journal.settings import JournalSettings
from tests.support.polling import eventually

LEASE_S = 0.3
LATE = b"UPDATE nodes SET good_until = clock_timestamp() - interval '1 second' WHERE NOT dead"


async def opened(database: str, files: Path) -> PostgresJournal:
    return await open_postgres(database, nodes=NodesSettings(several=True, lease_s=LEASE_S), files=files)


def files_in(folder: Path) -> set[str]:
    return {file.name for file in (folder / FOLDER).iterdir()}


async def test_a_server_that_sees_another_folder_does_not_start(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SEEN_S", 0.1)
    a = await opened(database, tmp_path / "files")
    assert a.nodes is not None
    with pytest.raises(CannotStart, match=r"other is not the folder that \S+ sees: name one") as refused:
        await opened(database, tmp_path / "other")
    assert "\n" not in str(refused.value)
    assert not files_in(tmp_path / "other")
    b = await opened(database, tmp_path / "files")
    assert len(files_in(tmp_path / "files")) == 2
    await b.aclose()
    await a.aclose()
    c = await opened(database, tmp_path / "other")  # nobody lives who sees another
    await c.aclose()


async def test_a_server_whose_beat_is_late_still_sees_its_folder_and_one_that_was_lost_sees_none(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SEEN_S", 0.1)
    nodes = NodesSettings(several=True, lease_s=2.0)
    a = await open_postgres(database, nodes=nodes, files=tmp_path / "files")
    assert a.nodes is not None
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(LATE)
        with pytest.raises(CannotStart, match="other is not the folder"):
            await open_postgres(database, nodes=nodes, files=tmp_path / "other")
        a.nodes._beat._leave = a.nodes._beat._drop_link  # type: ignore[method-assign]  # it is lost: it leaves no word
        await a.aclose()
        connection.execute(LATE)
    await (
        await open_postgres(database, nodes=NodesSettings(several=True, lease_s=LEASE_S), files=tmp_path / "other")
    ).aclose()


async def test_a_server_that_goes_on_under_a_new_number_still_shows_that_it_sees_the_folder(
    database: str, tmp_path: Path
) -> None:
    a = await opened(database, tmp_path)
    assert a.nodes is not None
    first = a.nodes.number
    await a._write_queue.put(lambda tables: tables._link.connection.execute("UPDATE nodes SET dead = true"))
    await eventually(lambda: renumbered(a, first))
    b = await opened(database, tmp_path)
    await b.aclose()
    await a.aclose()
    assert not files_in(tmp_path)


async def test_a_server_that_is_refused_lets_go_of_its_data_folder(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SEEN_S", 0.1)
    a = await opened(database, tmp_path / "files")
    settings = JournalSettings(data=str(tmp_path / "data"), url=database)
    nodes = NodesSettings(several=True, lease_s=LEASE_S)
    for _ in range(2):
        with pytest.raises(CannotStart, match="other is not the folder"):
            await open_backend(settings, nodes, tmp_path / "other")
    await (await open_backend(settings, nodes, tmp_path / "files")).journal.aclose()
    await a.aclose()


async def renumbered(journal: PostgresJournal, first: int) -> bool:
    assert journal.nodes is not None
    return journal.nodes.number != first and journal.nodes.is_good
