"""How much a workspace holds, counted in a way that what a command has put there cannot escape. Blocking."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.workspace.dirfd import FOLDER, closing

LOOK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
BLOCK_BYTES = 512


class Usage(msgspec.Struct, frozen=True):
    """Names below a folder, and the bytes they take on disk or claim. `too_deep`: there are folders below the bound."""

    names: int = 0
    size: int = 0
    too_deep: bool = False


def usage(root: Path, names_max: int, depth_max: int) -> Usage:
    """Count what is below `root`, up to just past `names_max`. A folder that hides what is in it is opened again.

    A file with several names counts once for each. Raises OSError where the disk fails.
    """
    counting = _Count(names_max)
    try:
        above = os.open(root.parent, FOLDER)
    except FileNotFoundError:
        return Usage()
    with closing(above), suppress(FileNotFoundError):
        fd = open_to_us(above, root.name)
        with closing(fd):
            counting.folder(fd, depth_max)
    return Usage(counting.names, counting.size, counting.too_deep)


class _Count:
    def __init__(self, names_max: int) -> None:
        self.names = self.size = 0
        self.too_deep = False
        self._most = names_max

    def folder(self, fd: int, depth: int) -> None:
        below: list[str] = []
        with os.scandir(fd) as found:
            for entry in found:
                self.names += 1
                if self.names > self._most:
                    return
                with suppress(FileNotFoundError):
                    state = entry.stat(follow_symlinks=False)
                    # Room reserved beyond a file's end shows in its blocks, a hole in its length.
                    self.size += max(state.st_blocks * BLOCK_BYTES, state.st_size if stat.S_ISREG(state.st_mode) else 0)
                    if stat.S_ISDIR(state.st_mode):
                        below.append(entry.name)
        if below and depth <= 1:
            self.too_deep = True
            return
        for name in below:
            with suppress(FileNotFoundError, NotADirectoryError):
                inner = open_to_us(fd, name)
                with closing(inner):
                    self.folder(inner, depth - 1)


def hand_over(root: int, user: int, depth: int) -> None:
    """Make an open folder, and what is in it, a user's own, unless it is so. Who hands over is root. Raises OSError."""
    if os.fstat(root).st_uid == user:
        return
    os.fchown(root, user, user)  # first: what is made from now on goes by it
    _hand_over(root, user, depth)


def _hand_over(folder: int, user: int, depth: int) -> None:
    with os.scandir(folder) as found:
        for entry in found:
            with suppress(FileNotFoundError):
                os.chown(entry.name, user, user, dir_fd=folder, follow_symlinks=False)
                if depth > 1 and entry.is_dir(follow_symlinks=False):
                    with closing(os.open(entry.name, FOLDER, dir_fd=folder)) as inner:
                        _hand_over(inner, user, depth - 1)


def open_to_us(folder: int, name: str) -> int:
    """Open a folder below `folder`, never through a link; its owner, who we are, is let in first. Raises OSError."""
    with closing(os.open(name, LOOK, dir_fd=folder)) as seen:
        mode = stat.S_IMODE(os.fstat(seen).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            # By what is open, not by a name that could be swapped for a link meanwhile.
            Path(f"/proc/self/fd/{seen}").chmod(mode | stat.S_IRWXU)
    return os.open(name, FOLDER, dir_fd=folder)
