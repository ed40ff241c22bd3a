"""Project folder: a folder of the user as a session's workspace. It is theirs: it is not counted, emptied, or given to others.

What the server keeps for the session, such as long outputs, is in the session's own workspace, as `.holdfast`.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Final

from agent.workspace.dirfd import FOLDER, closing, open_below
from agent.workspace.files import Entry, FileStart
from agent.workspace.guarded import is_guarded
from agent.workspace.paths import WorkspaceError, existing_name, folder_parts, is_unfinished, shown
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace

OWN: Final = ".holdfast"
LINKS_MAX: Final = 40
"""Links on the way to one file, as in the kernel."""
LEFT_OVER_S: Final = 3_600.0
"""A file that was being written so long ago is the rest of a write that was killed."""


class ProjectFolder(Workspace):
    """The folder `root`, absolute and without links. `own`: the session's own workspace. `refusal`: why it may not be used now, or "".

    Files and folders are made with the modes that the server's umask gives. Links that stay inside are followed.
    """

    file_mode = 0o666
    folder_mode = 0o777
    counted = False

    def __init__(self, root: Path, limits: WorkspaceLimits, own: Workspace, refusal: Callable[[], str]) -> None:
        super().__init__(root, limits)
        self._own = own
        self._refusal = refusal

    def read(self, path: str, most: int | None = None) -> FileStart:
        return self._own.read(path, most) if self._is_own(path) else super().read(path, most)

    def open(self, path: str) -> BinaryIO:
        return self._own.open(path) if self._is_own(path) else super().open(path)

    def write(
        self, path: str, data: bytes, stop: threading.Event, *, most: int | None = None, fresh: bool = False
    ) -> bool:
        if self._is_own(path):
            return self._own.write(path, data, stop, most=most, fresh=fresh)
        return super().write(path, data, stop, most=most, fresh=fresh)

    def remove(self, path: str) -> None:
        if self._is_own(path):
            self._own.remove(path)
        else:
            super().remove(path)

    def listing(self, path: str, recursive: bool, *, most: int | None = None) -> tuple[list[Entry], bool]:
        if self._is_own(path):
            return self._own.listing(path, recursive, most=most)
        return super().listing(path, recursive, most=most)

    def open_for_search(self, path: str) -> tuple[int, str]:
        if self._is_own(path):
            return self._own.open_for_search(path)
        root = self.open_root()
        try:
            return root, "/".join(self.real_parts(root, folder_parts(path, self.limits), path))
        except BaseException:
            os.close(root)
            raise

    def counts(self, path: str) -> bool:
        return self._is_own(path)

    def make_root(self) -> int:
        """Open the folder; it is not made if it is missing."""
        return self.open_root()

    def open_root(self) -> int:
        if why := self._refusal():
            raise WorkspaceError(why)
        return super().open_root()

    def _is_own(self, path: str) -> bool:
        return folder_parts(path, self.limits)[:1] == (OWN,)

    def usage(self, root: int) -> tuple[int, int]:
        """Nothing: the files are not ours."""
        return 0, 0

    def before_write(self, folder: int) -> None:
        """Remove what killed writes have left in this folder."""
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_unfinished(entry.name)]
        for name in names:
            with suppress(FileNotFoundError):
                state = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(state.st_mode) and state.st_mtime < time.time() - LEFT_OVER_S:
                    os.unlink(name, dir_fd=folder)

    def real_parts(self, root: int, parts: tuple[str, ...], path: str, *, writes: bool = False) -> tuple[str, ...]:
        """The way to the same place without links. Raises WorkspaceError for one that leads out of the folder.

        It is then opened without following any, so a link that is made meanwhile leads nowhere.
        """
        way = _Way(root, self.root, path)
        with ExitStack() as stack:
            real = way.follow(stack, parts)
        # A call is judged by the path that it names, so that must be the one that is written.
        if writes and real != tuple(parts) and is_guarded(real):
            raise WorkspaceError(
                f"{shown(path)} leads through a link to {shown('/'.join(real))}; name that path itself"
            )
        return real


class _Way:
    def __init__(self, root: int, folder: Path, path: str) -> None:
        self._root = root
        self._folder = folder
        self._path = path

    def follow(self, stack: ExitStack, parts: tuple[str, ...]) -> tuple[str, ...]:
        waiting, done, folders, links = list(reversed(parts)), list[str](), [self._root], 0
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if not done:
                    raise self._outside()
                done.pop()
                folders.pop()
                continue
            name = existing_name(folders[-1], name)
            try:
                mode = os.stat(name, dir_fd=folders[-1], follow_symlinks=False).st_mode
            except FileNotFoundError:
                return self._missing(done, [name, *reversed(waiting)])
            if stat.S_ISLNK(mode):
                links += 1
                if links > LINKS_MAX:
                    raise WorkspaceError(f"{shown(self._path)} leads through too many links")
                target = os.readlink(name, dir_fd=folders[-1])
                if target.startswith("/"):
                    target = self._inside(target)
                    done, folders = [], [self._root]
                waiting += reversed(target.split("/"))
                continue
            done.append(name)
            if stat.S_ISDIR(mode):
                folders.append(stack.enter_context(closing(open_below(folders[-1], name, FOLDER, self._path))))
            elif waiting:
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return tuple(done)

    def _inside(self, target: str) -> str:
        """The part of an absolute target that is below the folder."""
        folder = str(self._folder)
        if target != folder and not target.startswith(f"{folder}/"):
            raise self._outside()
        return target[len(folder) :]

    def _missing(self, done: list[str], rest: list[str]) -> tuple[str, ...]:
        """What is to be made may not go up: where that leads is not known yet."""
        if ".." in rest:
            raise FileNotFoundError
        return (*done, *(name for name in rest if name not in ("", ".")))

    def _outside(self) -> WorkspaceError:
        return WorkspaceError(f"{shown(self._path)} leads through a link out of the session's folder")
