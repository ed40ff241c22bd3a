"""Tree copy: copies a folder with its files and links, whatever commands have put there, and never waits. Blocking."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress

import msgspec

from agent.workspace.dirfd import FOLDER, NO_FOLDER, READ, WRITE_NEW, closing
from agent.workspace.paths import as_text, is_unfinished

PART_BYTES = 1 << 20
DEPTH_MAX = 100
"""Folders below one another. Each takes two descriptors; a session's limits are lower."""


class Copied(msgspec.Struct):
    """What was copied: bytes of files. `left_out`: paths of what was not, with the reason, the first `LEFT_OUT_MAX`.

    Pipes, sockets, devices and the unfinished files of writes are no content, and are not mentioned.
    """

    size: int = 0
    left_out: list[str] = []
    left_out_count: int = 0

    def leave_out(self, path: str, why: str) -> None:
        """Note what was not copied."""
        self.left_out_count += 1
        if len(self.left_out) < LEFT_OUT_MAX:
            self.left_out.append(f"{as_text(path)}: {why}")


LEFT_OUT_MAX = 20


def copy_tree(
    source: int,
    target: int,
    path: str,
    copied: Copied,
    depth: int = DEPTH_MAX,
    *,
    skipped: Callable[[str], bool] = is_unfinished,
) -> None:
    """Copy what is in the open folder `source` into the open folder `target`. `path`: of `source`, for `copied`.

    `skipped`: names that are not copied, in this folder alone; below it these are the unfinished files of writes. One name at a time is opened, never through a link. A name that vanishes meanwhile is skipped; one that cannot be read
    is left out. Raises OSError if `target` cannot be written.
    """
    with os.scandir(source) as entries:
        names = sorted(entry.name for entry in entries if not skipped(entry.name))
    for name in names:
        below = f"{path}/{name}" if path else name
        with suppress(FileNotFoundError):
            state = os.stat(name, dir_fd=source, follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode):
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            elif stat.S_ISREG(state.st_mode):
                _copy_file(source, target, name, below, copied)
            elif stat.S_ISDIR(state.st_mode) and depth <= 1:
                copied.leave_out(below, "it lies too deep")
            elif stat.S_ISDIR(state.st_mode):
                _copy_folder(source, target, name, below, copied, depth - 1)


def _copy_folder(source: int, target: int, name: str, path: str, copied: Copied, depth: int) -> None:
    try:
        inner = os.open(name, FOLDER, dir_fd=source)
    except OSError as error:
        _unreadable(error, path, copied)
        return
    with closing(inner):
        state = os.fstat(inner)
        os.mkdir(name, 0o700, dir_fd=target)
        with closing(os.open(name, FOLDER, dir_fd=target)) as made:
            copy_tree(inner, made, path, copied, depth)
            _keep_state(made, state)


def _copy_file(source: int, target: int, name: str, path: str, copied: Copied) -> None:
    try:
        read = os.open(name, READ, dir_fd=source)
    except OSError as error:
        _unreadable(error, path, copied)
        return
    with closing(read):
        state = os.fstat(read)
        if not stat.S_ISREG(state.st_mode):
            return
        with closing(os.open(name, WRITE_NEW, 0o600, dir_fd=target)) as written:
            # Not more than it had: somebody may be writing to it.
            left = state.st_size
            while left > 0 and (part := os.read(read, min(left, PART_BYTES))):
                left -= len(part)
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(written, rest) :]
            copied.size += state.st_size - left
            _keep_state(written, state)


def _keep_state(fd: int, state: os.stat_result) -> None:
    """Give a copy the mode, the times and, where this process may, the owner of the original."""
    if os.geteuid() == 0:
        os.fchown(fd, state.st_uid, state.st_gid)
    os.fchmod(fd, stat.S_IMODE(state.st_mode) & 0o777)
    os.utime(fd, ns=(state.st_atime_ns, state.st_mtime_ns))


def _unreadable(error: OSError, path: str, copied: Copied) -> None:
    """Leave out a name that this user may not read; one that was swapped for another kind is no file any more."""
    if isinstance(error, FileNotFoundError) or error.errno in NO_FOLDER:
        return
    copied.leave_out(path, error.strerror or type(error).__name__)
