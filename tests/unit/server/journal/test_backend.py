"""Journal backend: by the address in the settings; what is missing is one line with the remedy."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from agent.sandbox.settings import SandboxSettings
from server.config.fingerprints import fingerprints
from server.config.model import ModelChoice
from server.config.settings import Settings
from server.doctor import database as check
from server.doctor import shared
from server.doctor.database import database as check_database
from server.doctor.finding import Finding
from server.journal.backend import describe_database, open_backend
from server.journal.base import JournalError, Unavailable
from server.journal.errors import FolderInUse
from server.journal.nodes.listing import DatabaseState, NodeSeen, NodeState
from server.journal.settings import JournalSettings
from server.journal.sqlite import SqliteJournal
from tests.support.application import running, settings_for
from tests.support.live import listening
from tests.support.polling import eventually
from tests.unit.server.journal.builders import begin, texts
from tests.unit.server.sessions.nodes.two import node

if TYPE_CHECKING:
    from tests.support.postgres.databases import Databases


def seen(name: str, state: NodeState = "alive", version: str = "1") -> NodeSeen:
    """A server, as others see it."""
    at = "2026-11-30T00:00:00.000Z"
    return NodeSeen(
        number=1,
        name=name,
        version=version,
        state=state,
        started_at=at,
        last_beat_at=at,
        beat_age_s=0.1,
        sessions=0,
        sockets=0,
    )


def state(*, local: bool, encrypted: bool = False) -> DatabaseState:
    """A database of which only the connection matters."""
    return DatabaseState(about="", local=local, encrypted=encrypted, clock_off_s=0.0, standbys=None, hears=True)


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
    assert [one.level for one in check_database(Settings(journal=settings))] == ["fail"]


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
    if url:
        other = "postgresql://bob:0ther@host/work"
        assert JournalSettings(url=other, direct_url=url).passwords == ["0ther", *passwords]


async def test_the_doctor_tells_of_a_database_and_who_has_it(
    tmp_path: Path, database: str, postgres: "Databases"
) -> None:
    from server.journal.postgres.schema import VERSION

    settings = JournalSettings(data=str(tmp_path), url=database)
    assert f"schema version {VERSION}" in describe_database(settings).about
    journal = (await open_backend(settings)).journal
    found, *others = check_database(Settings(journal=settings))
    assert {one.level for one in [found, *others]} == {"ok"}
    assert "holdfast " in found.found and " has it" in found.found
    await journal.aclose()
    refused = JournalSettings(data=str(tmp_path), url=postgres.url_of("postgres", user="nobody"))
    (found,) = check_database(Settings(journal=refused))
    assert found.level == "fail"
    assert "check user and password" in found.found


async def test_the_doctor_and_the_log_tell_of_servers_on_a_database_and_how_their_settings_differ(
    tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = node(tmp_path, database, "north", settings_for(tmp_path / "north"), lease_s=2.0)
    async with listening(settings):
        found = {one.name: one for one in check_database(settings)}
        assert {one.level for one in found.values()} == {"ok"}
        assert "1 beat: north" in found["servers"].found and "is heard" in found["notices"].found
        assert "is the one that the others see" in found["shared files"].found
        assert "is that of the servers" in found["shared secret"].found
        elsewhere = msgspec.structs.replace(settings.workspace, shared_folder=str(tmp_path))
        auth = msgspec.structs.replace(settings.auth, secret="another one of thirty-two characters")
        found = {
            one.name: one for one in check_database(msgspec.structs.replace(settings, workspace=elsewhere, auth=auth))
        }
        assert found["shared files"].level == "fail" and "not the folder that north sees" in found["shared files"].found
        assert found["shared secret"].level == "warn" and "is not that of the servers" in found["shared secret"].found
        other = msgspec.structs.replace(settings, model=ModelChoice(model="another"))

        async def told() -> bool:
            found = {one.name: one for one in check_database(other)}
            return "not the same as here at north: model" in found["servers"].found

        await eventually(told)
        same = msgspec.structs.replace(settings.workspace, shared_folder="/elsewhere")
        assert fingerprints(msgspec.structs.replace(settings, workspace=same)) == fingerprints(settings)
        south = node(tmp_path, database, "south", settings_for(tmp_path / "south"))
        async with running(msgspec.structs.replace(south, sandbox=SandboxSettings(kind="off"))):
            assert "settings here are not those of north: sandbox" in caplog.text


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        (check.clock(1.0), "ok", "agrees"),
        (check.clock(-9.0), "warn", "9.0 s behind"),
        (check.standby(None), "ok", "for none"),
        (check.standby(0), "warn", "none is seen"),
        (check.standby(2), "ok", "one of 2"),
        (check.notices(hears=False), "fail", "is not heard"),
        (check.nodes([]), "ok", "none runs"),
        (check.nodes([seen("a"), seen("b", state="late")]), "warn", "late: b"),
        (check.nodes([seen("a"), seen("b", version="2")]), "warn", "of versions 1 and 2"),
        (check.nodes([seen("a"), seen("b", state="dead", version="2")]), "ok", "1 beat: a"),
        (check.encryption(state(local=False)), "warn", "is not encrypted"),
        (shared.files(Path("/never"), [seen("a")]), "ok", "is not there"),
        (shared.files(Path("/proc"), []), "fail", "no file can be made"),
        (check.encryption(state(local=True)), "ok", "does not leave"),
        (check.encryption(state(local=False, encrypted=True)), "ok", "is encrypted"),
    ],
)
def test_each_finding_about_a_database_says_what_is_wrong(found: Finding, level: str, words: str) -> None:
    assert found.level == level and words in found.found
    assert bool(found.advice) == (level != "ok")
