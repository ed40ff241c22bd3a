"""`holdfast backup`: copies the data folder as of one moment, also while the server runs."""

import argparse
import shutil
from pathlib import Path

from server.cli.options import FAILURE, USAGE, add_place, fail, settings_of
from server.config.loader import SettingsError
from server.journal.base import JournalError
from server.journal.data_dir import DATABASE, FOLDER_MODE, LOCK, MARK
from server.journal.offline import open_offline

LEFT_OUT = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", LOCK, MARK}
"""The database is copied by SQLite. The lock and the mark belong to this folder alone; a copy begins a new epoch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast backup`."""
    parser.description = (
        "Copies the data folder: the journal as of one moment, then the workspaces and the credential files. To restore "
        "a backup, stop the server and replace the data folder by it. A backup holds the same secrets as the data "
        "folder: protect it in the same way."
    )
    parser.add_argument("to", metavar="FOLDER", type=Path, help="a folder that does not exist yet")
    add_place(parser)


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        folder = settings_of(args).journal.folder
        size = back_up(folder, args.to)
    except SettingsError as error:
        return fail(str(error), USAGE)
    except FileExistsError:
        return fail(f"{args.to} exists already and is not overwritten; name another folder", FAILURE)
    except (JournalError, OSError, shutil.Error) as error:
        return fail(f"the backup is not complete; remove {args.to}: {error}", FAILURE)
    print(f"{args.to}: {size} bytes of journal, with workspaces and credential files")
    return 0


def back_up(folder: Path, to: Path) -> int:
    """Copy the data folder; returns the size of the copied journal in bytes. Raises `FileExistsError`, `OSError`, `shutil.Error`, `JournalError`."""
    with open_offline(folder) as look:
        to.mkdir(mode=FOLDER_MODE, parents=True)
        look.copy_to(to / DATABASE)
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, to / path.name, symlinks=True, ignore=_unfinished)
        else:
            shutil.copy2(path, to / path.name, follow_symlinks=False)
    return (to / DATABASE).stat().st_size


def _unfinished(folder: str, names: list[str]) -> set[str]:
    """Leave out files that are being written at this moment."""
    return {name for name in names if name.startswith(".holdfast-")}
