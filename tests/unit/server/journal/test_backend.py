"""Journal backend: by the address in the settings; what is missing is one line with the remedy."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.doctor.data_dir import database as check_database
from server.journal.backend import describe_database, open_backend
from server.journal.base import JournalError, Unavailable
from server.journal.errors import FolderInUse
from server.journal.settings import JournalSettings
from server.journal.sqlite import SqliteJournal
from tests.unit.server.journal.builders import begin, texts

if TYPE_CHECKING:
    from tests.support.postgres.databases import Databases


async def test_without_an_address_the_journal_is_in_the_folder(tmp_path: Path) -> None:
    journal = (await open_backend(JournalSettings(data=str(tmp_path)))).journal
    assert isinstance(journal, SqliteJournal)
    await journal.aclose()


async def test_with_an_address_it_is_in_the_database_and_the_folder_is_held_all_the_same(
    tmp_path: Path, database: str
) -> None:
    settings = JournalSettings(data=str(tmp_path / "data"), url=database)
    journal = (await open_backend(settings)).journal
    await begin(journal, "s", "a")
    with pytest.raises(FolderInUse):
        await open_backend(settings)
    assert not (tmp_path / "data" / "journal.db").exists()
    await journal.aclose()
    journal = (await open_backend(settings)).journal
    assert await texts(journal) == ["a"]
    await journal.aclose()


async def test_a_start_that_fails_lets_go_of_the_folder(tmp_path: Path) -> None:
    away = JournalSettings(data=str(tmp_path), url=f"postgresql://ann@/work?host={tmp_path}")
    with pytest.raises(Unavailable, match="does not answer"):
        await open_backend(away)
    await (await open_backend(JournalSettings(data=str(tmp_path)))).journal.aclose()


async def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "server.journal.postgres.journal", None)
    settings = JournalSettings(data=str(tmp_path), url="postgresql:///work")
    with pytest.raises(JournalError, match=r"pip install 'holdfast\[postgres\]'"):
        await open_backend(settings)
    assert check_database(settings).level == "fail"


def test_an_address_of_something_else_is_refused_without_being_repeated() -> None:
    for url in ("mysql://ann:s3cret@host/work", "s3cret", "host=db password=s3cret"):
        with pytest.raises(ValueError, match="is no address of PostgreSQL") as refused:
            JournalSettings(url=url)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("", []),
        ("postgresql://ann@host/work", []),
        ("postgresql://ann:s3cret@host/work", ["s3cret"]),
        ("postgresql://ann:s3%40cret@host/work", ["s3%40cret", "s3@cret"]),
        ("postgresql://ann@host/work?password=s3%40cret", ["s3@cret"]),
    ],
)
def test_the_passwords_of_an_address_are_known(url: str, passwords: list[str]) -> None:
    assert JournalSettings(url=url).passwords == passwords


async def test_the_doctor_tells_of_a_database_and_who_has_it(
    tmp_path: Path, database: str, postgres: "Databases"
) -> None:
    from server.journal.postgres.schema import VERSION

    settings = JournalSettings(data=str(tmp_path), url=database)
    assert f"schema version {VERSION}" in describe_database(settings)
    journal = (await open_backend(settings)).journal
    found = check_database(settings)
    assert found.level == "ok"
    assert "holdfast " in found.found and " has it" in found.found
    await journal.aclose()
    found = check_database(JournalSettings(data=str(tmp_path), url=postgres.url_of("postgres", user="nobody")))
    assert found.level == "fail"
    assert "check user and password" in found.found
