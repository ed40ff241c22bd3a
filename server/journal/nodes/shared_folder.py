"""Shared folder: shows that a node sees the same folder of sessions' files as the others do.

Each node keeps a file there, by its number, from before it joins the others until after it left. So a folder without the file of
a node that lives is another folder.
"""

import os
import socket
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from server.journal.data_dir import FILE_MODE, FOLDER_MODE
from server.journal.errors import explain_os

FOLDER = "nodes"

FORGET_S = 3_600.0
"""How much older than this node's own a file of a lost node must be to be removed: one that is new may be of a node that joins."""


class SharedFolder:
    """The files of nodes in one folder. All of it blocks. `path`: the folder, for messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = path / FOLDER

    def announce(self, number: int) -> None:
        """Show that this node sees the folder, which is made if it is missing. Raises `Unavailable`."""
        try:
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            file = os.open(self._file(number), os.O_WRONLY | os.O_CREAT, FILE_MODE)
            try:
                os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            finally:
                os.close(file)
        except OSError as error:
            raise explain_os(error, self._folder) from error

    def withdraw(self, number: int) -> None:
        """This node sees it no more. A file that stays is removed by a later node."""
        with suppress(OSError):
            self._file(number).unlink()

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Those of these nodes that do not see this folder."""
        return [number for number in numbers if not self._file(number).exists()]

    def forget(self, number: int, living: Collection[int]) -> None:
        """Remove the old files of nodes that are not among the living. `number`: this node's. Raises `Unavailable`."""
        kept = {self._file(one).name for one in (number, *living)}
        try:
            since = self._file(number).stat().st_mtime - FORGET_S  # both by the clock of the folder's disk
            for file in self._folder.iterdir():
                if file.name not in kept and file.stat().st_mtime < since:
                    file.unlink(missing_ok=True)
        except FileNotFoundError:
            return  # another node was faster
        except OSError as error:
            raise explain_os(error, self._folder) from error

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:016x}"
