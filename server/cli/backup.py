"""`holdfast backup`: copies the data folder as of one moment, also while the server runs."""

import argparse
import os
import sys
from pathlib import Path

from agent.workspace.dirfd import FOLDER, closing
from agent.workspace.tree_copy import Copied, copy_tree
from protocol import runtime_file
from server.cli.options import FAILURE, USAGE, add_place, fail, refuse_database, settings_of, told
from server.config.loader import SettingsError
from server.journal.base import JournalError
from server.journal.data_dir import DATABASE, FOLDER_MODE, LOCK, MARK
from server.journal.offline import open_offline
from server.search.texts import INDEX

LEFT_OUT = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", LOCK, MARK, runtime_file.NAME, runtime_file.LOG} | {
    f"{INDEX}{end}" for end in ("", "-wal", "-shm")
}
"""The database is copied by SQLite. The lock, the mark and the runtime file belong to this folder alone; a copy begins a new epoch. The
index of the search is made anew."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast backup`."""
    parser.description = (
        "Copies the data folder: the journal as of one moment, then the workspaces, their snapshots and the credential files. To restore "
        "a backup, stop the server and replace the data folder by it. A backup holds the same secrets as the data "
        "folder: protect it in the same way."
    )
    parser.add_argument("to", metavar="FOLDER", type=Path, help="a folder that does not exist yet")
    add_place(parser)


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        settings = settings_of(args)
        folder = settings.journal.folder
        if refused := refuse_database(
            settings,
            f"back the database up with pg_dump or pg_basebackup, then copy the folder {folder} with its workspaces and keys",
        ):
            return refused
        size, copied = back_up(folder, args.to)
    except SettingsError as error:
        return fail(str(error), USAGE)
    except FileExistsError:
        return fail(f"{args.to} exists already and is not overwritten; name another folder", FAILURE)
    except (JournalError, OSError) as error:
        left = f"; remove {args.to}" if args.to.exists() else ""
        return fail(f"the backup is not complete{left}: {told(error)}", FAILURE)
    for one in copied.left_out:
        print(f"left out: {one}", file=sys.stderr)
    if more := copied.left_out_count - len(copied.left_out):
        print(f"left out: {more} more", file=sys.stderr)
    print(f"{args.to}: {size} bytes of journal, {copied.size} bytes of workspaces and credential files")
    return 0


def back_up(folder: Path, to: Path) -> tuple[int, Copied]:
    """Copy the data folder; the size of the copied journal in bytes, and what else was copied and what left out.

    What a command made in its workspace never stops it. Raises `FileExistsError`, `OSError`, `JournalError`.
    """
    with open_offline(folder) as look:
        to.mkdir(mode=FOLDER_MODE, parents=True)
        look.copy_to(to / DATABASE)
    copied = Copied()
    with closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY)) as source, closing(os.open(to, FOLDER)) as target:
        copy_tree(source, target, "", copied, skipped=lambda name: name in LEFT_OUT or name.startswith("."))
    return (to / DATABASE).stat().st_size, copied
