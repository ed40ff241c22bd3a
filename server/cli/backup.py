"""The command line `holdfast backup`: a copy of the data folder of one moment, made while the server runs."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from server.config.loader import SettingsError, load_settings, shipped_config
from server.journal.base import JournalError
from server.journal.data_dir import DATABASE, FOLDER_MODE, LOCK, MARK
from server.journal.offline import open_offline

FAILURE, USAGE = 1, 2

LEFT_OUT = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", LOCK, MARK}
"""The database is copied by itself; the lock and the mark speak of this folder alone: a copy begins a new epoch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast backup`."""
    parser.description = (
        "Copies the data folder: the journal as of one moment, then the workspaces and the files of credentials. To go "
        "back to it, stop the server and put the copy in the place of the data folder. It holds everything that the "
        "data folder does: keep it as safe."
    )
    parser.add_argument("to", metavar="FOLDER", type=Path, help="a folder that is not there yet")
    parser.add_argument("--config", type=Path, metavar="FILE", help="config file (default: the shipped one)")
    parser.add_argument("--data", metavar="FOLDER", help="data folder (default: $HOLDFAST_DATA, else ./data)")


def main(args: argparse.Namespace) -> int:
    """Run it; the exit code: 0 well, 1 failed, 2 wrong usage or settings."""
    given = {"journal.data": args.data} if args.data is not None else {}
    try:
        folder = load_settings(args.config or shipped_config(), os.environ, given).journal.folder
        size = back_up(folder, args.to)
    except SettingsError as error:
        return _fail(str(error), USAGE)
    except FileExistsError:
        return _fail(f"{args.to} is there already: a backup writes over nothing; name another folder", FAILURE)
    except (JournalError, OSError, shutil.Error) as error:
        return _fail(f"the backup is not whole, remove {args.to}: {error}", FAILURE)
    print(f"{args.to}: {size} bytes of journal, and what belongs to it")
    return 0


def back_up(folder: Path, to: Path) -> int:
    """Copy; the bytes of the journal. Raises `FileExistsError`, `OSError`, `shutil.Error`, `JournalError`."""
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
    """What is being written at this moment is not copied."""
    return {name for name in names if name.startswith(".holdfast-")}


def _fail(message: str, code: int) -> int:
    print(f"holdfast: error: {message}", file=sys.stderr)
    return code
