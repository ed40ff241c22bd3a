"""Machine: what a power cut or a restored backup does to the data folder while no server runs on it."""

import shutil
from pathlib import Path

from server.journal import epochs
from tests.faults.harness.order import Hook

DATABASE = ("journal.db", "journal.db-wal", "journal.db-shm")
MARK = "journal.mark"


def copy_database(data: Path, to: Path) -> None:
    """Keep a copy of the database as it is now, without the mark beside it."""
    to.mkdir(parents=True)
    for name in DATABASE:
        if (data / name).exists():
            shutil.copyfile(data / name, to / name)


def put_database_back(copy: Path, data: Path) -> None:
    """An older database under a mark that knows better."""
    for name in DATABASE:
        (data / name).unlink(missing_ok=True)
        if (copy / name).exists():
            shutil.copyfile(copy / name, data / name)


def copy_folder(data: Path, to: Path) -> None:
    """A backup of everything."""
    shutil.copytree(data, to)


def replace_folder(copy: Path, data: Path) -> None:
    """The backup in the folder's place: new files all."""
    shutil.rmtree(data)
    shutil.copytree(copy, data)


def overwrite_folder(copy: Path, data: Path) -> None:
    """The backup written into the files that are there."""
    for name in (*DATABASE, MARK):
        if not (copy / name).exists():
            (data / name).unlink(missing_ok=True)
    for path in copy.iterdir():
        if path.is_file():
            shutil.copyfile(path, data / path.name)


def lose_log(data: Path, left: float) -> None:
    """Of the write-ahead log, only this part had reached the disk."""
    log = data / "journal.db-wal"
    with log.open("r+b") as file:
        file.truncate(int(log.stat().st_size * left))
    (data / "journal.db-shm").unlink(missing_ok=True)


def boot(data: Path, name: str) -> Hook:
    """The server finds the machine on this run of it."""
    path = data.parent / "boot_id"
    path.write_text(name)
    return Hook("tests.faults.process.machine:booted", {"path": str(path)})


def booted(path: str) -> None:
    """In the server's process: this file says which run of the machine it is."""
    epochs._BOOT_ID = Path(path)
