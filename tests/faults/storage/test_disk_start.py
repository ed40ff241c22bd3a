"""Data folder that cannot be served: one line names the file and the remedy, the exit code is 1, and the remedy works."""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol import events as ev
from protocol.submissions import UserInput
from protocol.view import View
from tests.faults.harness.lengths import few
from tests.faults.harness.order import Hook
from tests.faults.process.disks import limit_files, obey_file_modes, small_disk
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import Address, client, listening, same_view

CODE = 1
OBEYS = Hook(f"{obey_file_modes.__module__}:{obey_file_modes.__name__}")


@dataclass(frozen=True)
class Kept:
    """A data folder after a clean stop, with one conversation."""

    folder: Path
    session_id: str
    view: View

    def copy(self, to: Path) -> Path:
        """Put the folder there as it was; gives the database."""
        shutil.copytree(self.folder, to, dirs_exist_ok=True)
        return to / "journal.db"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")

    async def talk() -> Kept:
        async with listening(settings_for(folder)) as live, client(live) as talker:
            for words in ("hello", "a long answer, please"):
                await talker.send(UserInput(text=words + " and more" * 2_000))
                await talker.until_type(ev.TurnComplete)
            return Kept(folder, talker.ready.session_id, talker.view)

    return asyncio.run(talk())


async def refused(server: ServerProcess, *words: str) -> str:
    """A start that fails as it should: the line it says."""
    before = server.stderr
    await server.begin()
    assert await server.ended() == CODE
    lines = server.stderr[len(before) :].splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("holdfast: error: ")
    for part in words:
        assert part in lines[0]
    return lines[0]


async def works(server: ServerProcess, kept: Kept) -> None:
    """It starts, the conversation is there, and goes on."""
    await server.start()
    async with client(Address(server.port), kept.session_id) as talker:
        assert same_view((await talker.synced()).view, kept.view)
        await talker.send(UserInput(text="hello again"))
        await talker.until_type(ev.TurnComplete)
    assert await server.terminate() == 0


def served(zygote: Zygote, tmp_path: Path, data: Path, *hooks: Hook) -> ServerProcess:
    return ServerProcess(zygote, tmp_path / "server", settings_for(data), hooks=hooks)


async def settled(server: ServerProcess) -> None:
    """Start it once and stop it: the folder is as a clean stop leaves it, and no copy."""
    await server.start()
    assert await server.terminate() == 0


# ---------------------------------------------------------------------------------------------- the database is no good
def newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def another_programs(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 7")


def no_database(path: Path) -> None:
    path.write_bytes(b"this is not a database\n" * 1_000)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def cut_to_a_stub(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4_096 : len(data) : 97] = b"\xa5" * len(range(4_096, len(data), 97))
    path.write_bytes(data)


RESTORE = "restore a backup of it without a journal.mark and a journal.db-wal beside it"
SPOILT: list[tuple[Callable[[Path], None], str, str]] = [
    (newer, "schema version 99", "start the newer version again, or restore a backup from before the upgrade"),
    (another_programs, "another program's database", RESTORE),
    (no_database, "it is not a database", RESTORE),
    (cut_off, "cut off after", RESTORE),
    (cut_to_nothing, "it is empty", RESTORE),
    (cut_to_a_stub, "cut off after 50 bytes", RESTORE),
    (damaged, "damaged", RESTORE),
]


@pytest.mark.parametrize(("spoil", "fault", "remedy"), few(SPOILT), ids=lambda value: getattr(value, "__name__", ""))
async def test_a_damaged_database_is_refused_unchanged_and_can_be_replaced_by_a_backup(
    zygote: Zygote, tmp_path: Path, kept: Kept, spoil: Callable[[Path], None], fault: str, remedy: str
) -> None:
    path = kept.copy(tmp_path / "data")
    async with served(zygote, tmp_path, path.parent) as server:
        await settled(server)
        spoil(path)
        before = path.read_bytes()
        for _ in range(2):
            await refused(server, str(path), fault, remedy)
            assert path.read_bytes() == before
        for name in ("journal.mark", "journal.db-wal", "journal.db-shm"):
            (path.parent / name).unlink(missing_ok=True)
        shutil.copy(kept.folder / "journal.db", path)
        await works(server, kept)


async def test_after_a_damaged_database_is_moved_away_an_empty_one_is_made(
    zygote: Zygote, tmp_path: Path, kept: Kept
) -> None:
    path = kept.copy(tmp_path / "data")
    no_database(path)
    async with served(zygote, tmp_path, path.parent) as server:
        await refused(server, "or move it away to begin with an empty journal")
        path.rename(tmp_path / "moved away")
        await server.start()
        async with client(Address(server.port)) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)


# ----------------------------------------------------------------------------------------------- the folder cannot be had
async def test_a_database_locked_by_another_program_is_refused_until_it_is_unlocked(
    zygote: Zygote, tmp_path: Path, kept: Kept
) -> None:
    path = kept.copy(tmp_path / "data")
    async with served(zygote, tmp_path, path.parent) as server:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
            holder.execute("BEGIN EXCLUSIVE")
            await refused(server, str(path), "it is locked: close the other program that has it open")
        await works(server, kept)


async def test_a_folder_of_another_server_is_refused_naming_its_process(
    zygote: Zygote, tmp_path: Path, kept: Kept
) -> None:
    data = kept.copy(tmp_path / "data").parent
    async with served(zygote, tmp_path / "one", data) as one, served(zygote, tmp_path / "two", data) as two:
        await one.start()
        await refused(two, str(data), f"in use by process {one.pid}", "stop that server")
        assert await one.terminate() == 0
        await works(two, kept)


@pytest.mark.parametrize("made", [True, False], ids=["existing", "new"])
async def test_a_folder_without_write_permission_is_refused_until_it_has_it(
    zygote: Zygote, tmp_path: Path, kept: Kept, made: bool
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if made:
        kept.copy(data)
    data.chmod(0o555)
    async with served(zygote, tmp_path, data, OBEYS) as server:
        await refused(server, str(data), "writable for the server's user")
        data.chmod(0o755)
        if made:
            await works(server, kept)
        else:
            await server.start()


async def test_a_database_without_write_permission_is_refused_until_it_has_it(
    zygote: Zygote, tmp_path: Path, kept: Kept
) -> None:
    path = kept.copy(tmp_path / "data")
    async with served(zygote, tmp_path, path.parent, OBEYS) as server:
        await settled(server)
        path.chmod(0o444)
        await refused(server, str(path), "writable for the server's user")
        path.chmod(0o600)
        await works(server, kept)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, bool]]:
    """A folder with a small file system of its own, if one can be mounted here: the folder, and whether."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder) as mounted:
        yield folder, mounted


async def test_a_read_only_file_system_is_refused_until_it_is_writable(
    zygote: Zygote, tmp_path: Path, kept: Kept, disk: tuple[Path, bool]
) -> None:
    folder, mounted = disk
    path = kept.copy(folder / "data")

    def remount(how: str) -> None:
        if mounted:
            subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)
        else:
            path.parent.chmod(0o555 if how == "ro" else 0o755)

    async with served(zygote, tmp_path, path.parent, OBEYS) as server:
        remount("ro")
        try:
            await refused(server, str(path.parent), "writable for the server's user")
        finally:
            remount("rw")
        await works(server, kept)


async def test_a_full_disk_is_refused_until_there_is_room(
    zygote: Zygote, tmp_path: Path, disk: tuple[Path, bool]
) -> None:
    folder, mounted = disk
    ballast = folder / "ballast"
    limit = Hook(f"{limit_files.__module__}:{limit_files.__name__}", {"size": 8_192})
    async with served(zygote, tmp_path, folder / "data", *([] if mounted else [limit])) as server:
        if mounted:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4_096))
        await refused(server, str(folder / "data"), "full" if mounted else "space")
        ballast.unlink(missing_ok=True)
        server.hooks = ()
        await server.start()
        async with client(Address(server.port)) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)


async def test_a_folder_made_read_only_under_a_running_server_loses_nothing(
    zygote: Zygote, tmp_path: Path, kept: Kept
) -> None:
    path = kept.copy(tmp_path / "data")
    async with served(zygote, tmp_path, path.parent, OBEYS) as server:
        await server.start()
        path.parent.chmod(0o555)
        async with client(Address(server.port), kept.session_id) as talker:
            await talker.synced()
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)
            seen = Kept(path.parent, kept.session_id, talker.view)
        assert await server.terminate() == 0
        path.parent.chmod(0o755)
        await works(server, seen)
