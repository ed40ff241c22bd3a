"""Opening the data folder: who may, what is checked, and the errors if it cannot be done."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from server.journal.base import HeldClaim, JournalError, Stored, Unavailable
from server.journal.schema import APPLICATION_ID, STEPS, VERSION
from server.journal.sqlite import Corrupt, FolderInUse, SchemaTooNew, open_journal
from tests.support.forking.interpreter import python
from tests.support.polling import eventually
from tests.unit.server.journal.builders import NOON, begin, row, texts
from tests.unit.server.journal.writer_process import ROOT, Elsewhere


async def filled(folder: Path, *found: str) -> Path:
    """A folder with a journal, cleanly stopped; its database."""
    journal = await open_journal(folder)
    await begin(journal, "s", *(found or ("a", "b")))
    await journal.aclose()
    return folder / "journal.db"


async def test_the_folder_is_made_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "deeper" / "data"
    journal = await open_journal(folder)
    try:
        await begin(journal, "s", "a")
        assert folder.stat().st_mode & 0o777 == 0o700
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        assert modes == dict.fromkeys(
            ["journal.db", "journal.db-wal", "journal.db-shm", "journal.lock", "journal.mark"], 0o600
        )
    finally:
        await journal.aclose()


async def test_after_a_clean_stop_everything_is_in_the_database_file(tmp_path: Path) -> None:
    path = await filled(tmp_path / "data")
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.db", "journal.lock", "journal.mark"]
    shutil.copy(path, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT count(*) FROM events").fetchone() == (2,)
    copy.close()


async def test_a_folder_may_have_any_characters_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1? é"
    await filled(folder)
    journal = await open_journal(folder)
    assert await texts(journal) == ["a", "b"]
    await journal.aclose()


# ------------------------------------------------------------------------------------------------------ the lock


async def test_a_folder_in_use_is_refused_naming_it_and_the_process(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    try:
        with pytest.raises(FolderInUse, match=f"{tmp_path}.*process {os.getpid()}") as refused:
            await open_journal(tmp_path)
        assert refused.value.path == tmp_path
        await begin(journal, "s", "a")
    finally:
        await journal.aclose()
    await (await open_journal(tmp_path)).aclose()


async def test_a_folder_in_use_by_another_process_is_free_once_that_is_killed(tmp_path: Path) -> None:
    with Elsewhere(tmp_path) as process:
        with pytest.raises(FolderInUse, match=f"process {process.pid}"):
            await open_journal(tmp_path)
        process.appended(1)
    await (await open_journal(tmp_path)).aclose()


async def test_a_failed_opening_leaves_the_folder_free(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    data = path.read_bytes()
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(Corrupt):
        await open_journal(tmp_path)
    path.write_bytes(data)
    await (await open_journal(tmp_path)).aclose()


async def opens(folder: Path) -> bool:
    try:
        await (await open_journal(folder)).aclose()
    except FolderInUse:
        return False
    return True


async def test_a_cancelled_opening_leaves_the_folder_free(tmp_path: Path) -> None:
    tasks = TaskOwner("test")
    opening = tasks.start(open_journal(tmp_path), "open")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert opening.cancelled()
    await eventually(lambda: opens(tmp_path), "a folder that is free")


# ------------------------------------------------------------------------------------------- versions and damage


async def test_a_newer_schema_is_refused_and_its_file_left_as_it_is(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(SchemaTooNew) as refused:
        await open_journal(tmp_path)
    assert refused.value.path == path
    assert (refused.value.found, refused.value.known) == (VERSION + 1, VERSION)
    for words in (str(path), str(VERSION + 1), "backup"):
        assert words in str(refused.value)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


async def test_a_newer_schema_still_in_the_write_ahead_log_is_refused(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in ("journal.db", "journal.db-wal"):
            shutil.copy(tmp_path / file, copy / file)
    db.close()
    with pytest.raises(SchemaTooNew):
        await open_journal(copy)


async def test_the_schema_version_is_in_the_file_from_the_beginning(tmp_path: Path) -> None:
    with Elsewhere(tmp_path):
        pass
    assert int.from_bytes((tmp_path / "journal.db").read_bytes()[60:64], "big") == VERSION


@pytest.mark.parametrize("data", [b"nonsense" * 1000, b"x", b"SQLite format 3\0"])
async def test_a_file_that_is_no_database_is_refused_with_a_remedy(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="restore a backup") as refused:
        await open_journal(tmp_path)
    assert refused.value.path == path
    assert str(path) in str(refused.value)
    assert path.read_bytes() == data


@pytest.mark.parametrize("application_id", [0, 77])
async def test_another_programs_database_is_refused(tmp_path: Path, application_id: int) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.execute(f"PRAGMA application_id = {application_id}")
    db.close()
    with pytest.raises(Corrupt, match="another program"):
        await open_journal(tmp_path)


async def test_a_database_cut_short_after_a_clean_stop_is_refused(tmp_path: Path) -> None:
    path = await filled(tmp_path, "x" * 50_000)
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(Corrupt, match="cut off"):
        await open_journal(tmp_path)


async def test_an_emptied_database_is_refused_while_its_mark_is_there(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    os.truncate(path, 0)
    with pytest.raises(Corrupt, match="empty"):
        await open_journal(tmp_path)


def damage(path: Path) -> None:
    """Overwrite the first page that holds events of 400 x."""
    data = bytearray(path.read_bytes())
    leaves = [at for at in range(0, len(data), 4096) if data[at] == 10 and b"x" * 400 in data[at : at + 4096]]
    data[leaves[0] : leaves[0] + 4096] = b"\xff" * 4096
    path.write_bytes(data)


@pytest.mark.parametrize("went_down", [True, False])
async def test_a_damaged_page_is_found_when_the_mark_does_not_vouch_for_the_file(
    tmp_path: Path, went_down: bool
) -> None:
    path = await filled(tmp_path, *("x" * 400 for _ in range(50)))
    if went_down:
        with Elsewhere(tmp_path) as process:
            process.appended(1)
    else:
        (tmp_path / "journal.mark").unlink()
    damage(path)
    with pytest.raises(Corrupt, match="restore a backup"):
        await open_journal(tmp_path, boot_id=lambda: "boot 2")


async def test_damage_found_while_reading_is_reported_as_corrupt(tmp_path: Path) -> None:
    damage(await filled(tmp_path, *("x" * 400 for _ in range(50))))
    journal = await open_journal(tmp_path)
    try:
        with pytest.raises(Corrupt) as refused:
            await texts(journal)
        assert refused.value.path == tmp_path / "journal.db"
    finally:
        await journal.aclose()


# --------------------------------------------------------------------------------------------- folders that won't do


async def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(Unavailable, match="data") as refused:
        await open_journal(tmp_path / "data")
    assert refused.value.path == tmp_path / "data"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


TRY_TO_OPEN = """
import asyncio, os, pathlib, sys
from server.journal.base import JournalError
from server.journal.sqlite import open_journal
asyncio.run(asyncio.to_thread(int))  # what is imported late, while it may be read
if os.geteuid() == 0:
    os.setuid(65534)
try:
    asyncio.run(open_journal(pathlib.Path(sys.argv[1])))
except JournalError as error:
    print(type(error).__name__, error.path, error)
"""


def open_as_somebody_else(folder: Path) -> str:
    """What a user who may not write there is told. Root may write anywhere, so it becomes another user."""
    command = [*python(), "-c", TRY_TO_OPEN, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout


def test_a_folder_that_cannot_be_written_is_an_error(open_to_all: Path) -> None:
    open_to_all.chmod(0o555)
    output = open_as_somebody_else(open_to_all)
    assert output.startswith(f"Unavailable {open_to_all} ")
    assert "writable" in output


async def test_a_database_that_cannot_be_written_is_an_error(open_to_all: Path) -> None:
    path = await filled(open_to_all)
    open_to_all.chmod(0o777)
    for file in open_to_all.iterdir():
        file.chmod(0o666)
    path.chmod(0o444)
    output = open_as_somebody_else(open_to_all)
    assert output.startswith(f"Unavailable {path} ")
    assert "writable" in output


async def test_every_error_of_opening_is_a_journal_error() -> None:
    assert all(issubclass(error, JournalError) for error in (FolderInUse, SchemaTooNew, Corrupt, Unavailable))


# ----------------------------------------------------------------------------------------------------- many sessions


async def test_a_journal_of_ten_thousand_sessions_opens_quickly(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    await asyncio.gather(*(begin(journal, f"s{i}", "a", "b", "c") for i in range(10_000)))
    await journal.aclose()
    for mark in ("clean", "missing"):
        if mark == "missing":
            (tmp_path / "journal.mark").unlink()
        began = time.perf_counter()
        journal = await open_journal(tmp_path)
        took = time.perf_counter() - began
        assert (await journal.stat("s9999")).row == row("s9999")
        await journal.aclose()
        assert took < 2.0


async def test_a_database_of_version_1_is_migrated_and_its_bytes_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{STEPS[0]} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
        db.execute("INSERT INTO meta VALUES ('id', 0)")
        values = (1, "s", 1, 0, 0, "ann", "t", "demo", NOON, NOON, 1, "idle", b"[]", 0, b"{}")
        db.execute(f"INSERT INTO sessions VALUES ({', '.join(['?'] * len(values))})", values)
        db.executemany("INSERT INTO events VALUES (1, ?, 0, ?)", [(1, b"12345"), (2, b"678")])
        db.commit()
    journal = await open_journal(tmp_path)
    try:
        assert await journal.stored("ann") == Stored(1, 8)
        assert [record.data for record in await journal.read("s", 0)] == [b"12345", b"678"]
    finally:
        await journal.aclose()


async def test_a_database_without_private_records_is_migrated(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.executescript(f"{''.join(STEPS[:5])} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 5;")
        db.execute("INSERT INTO meta VALUES ('id', 0)")
        db.commit()
    journal = await open_journal(tmp_path)
    try:
        await journal.create(row("s"))
        assert await journal.read_private("s", 0, 1) == []
    finally:
        await journal.aclose()


async def test_a_database_without_claims_is_migrated(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.executescript(f"{STEPS[0]} {STEPS[1]} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;")
        db.execute("INSERT INTO meta VALUES ('id', 0)")
        db.commit()
    claim = HeldClaim("c1", "s", "ann", "space", "ann/one", NOON)
    for held in ([], [claim]):
        journal = await open_journal(tmp_path)
        try:
            assert await journal.claims() == held
            if not held:
                await journal.create(row("s"))
                await journal.claim(claim)
        finally:
            await journal.aclose()
