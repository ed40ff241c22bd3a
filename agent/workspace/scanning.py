"""Workspace scan: lists what a workspace holds, and saves the contents that are not saved yet. Blocking."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent.workspace.dirfd import READ, closing, kind, open_as_owner
from agent.workspace.file_copy import CopyStopped
from agent.workspace.manifest import Kind, Manifest, SavedEntry
from agent.workspace.objects import ObjectStore
from agent.workspace.paths import is_unfinished

RACY_NS = 2_000_000_000
"""A file that changed so shortly before a snapshot is read again at the next: clocks of file systems are coarse, and it
may have changed again within the same tick (https://git-scm.com/docs/racy-git)."""

TRIES = 2
"""How often a file is copied that changes meanwhile; then it is left out."""

Room = Callable[[int, set[bytes]], bool]
"""Whether so many bytes more may be saved; the contents in the set are in use."""

_KINDS: dict[str, Kind] = {"file": "file", "folder": "folder", "link": "link", "pipe": "pipe"}


class Scan:
    """One look at a workspace. `former`: the snapshot before; a file with the same inode, size and times is not read again.

    `entries` grows by `folder`, at most by `names_max` names. `complete`: whether no name was passed over.
    """

    def __init__(
        self, objects: ObjectStore, former: Manifest | None, room: Room, stop: threading.Event, names_max: int
    ) -> None:
        self.taken_ns = time.time_ns()
        self.entries: list[SavedEntry] = []
        self.complete = True
        self._objects = objects
        self._former = {entry.path: entry for entry in former.entries} if former is not None else {}
        self._settled_ns = former.taken_ns - RACY_NS if former is not None else 0
        self._used: set[bytes] = set()
        self._room = room
        self._stop = stop
        self._names_max = names_max

    def folder(self, fd: int, above: bytes, depth: int) -> None:
        """Add what is below an open folder, whose path is `above` with a `/` at its end. Raises CopyStopped, OSError."""
        with os.scandir(fd) as found:
            names = sorted(os.fsencode(entry.name) for entry in found if not is_unfinished(entry.name))
        for name in names:
            if self._stop.is_set():
                raise CopyStopped
            if len(self.entries) >= self._names_max:
                self.complete = False
                return
            try:
                self._name(fd, name, above + name, depth)
            except FileNotFoundError:  # gone meanwhile
                continue

    def _name(self, folder: int, name: bytes, path: bytes, depth: int) -> None:
        state = os.stat(name, dir_fd=folder, follow_symlinks=False)
        mode = stat.S_IMODE(state.st_mode)
        match _KINDS.get(kind(state.st_mode), "other"):
            case "folder":
                self.entries.append(SavedEntry(path, "folder", mode))
                if depth <= 1:
                    self.complete = False
                    return
                try:
                    below = open_as_owner(folder, name)
                except NotADirectoryError:
                    return
                with closing(below):
                    self.folder(below, path + b"/", depth - 1)
            case "file":
                self.entries.append(self._file(folder, name, path))
            case "link":
                self.entries.append(SavedEntry(path, "link", target=os.fsencode(os.readlink(name, dir_fd=folder))))
            case other:
                self.entries.append(SavedEntry(path, other, mode))

    def _file(self, folder: int, name: bytes, path: bytes) -> SavedEntry:
        entry = SavedEntry(path, "file")
        for _ in range(TRIES):
            entry = _entry(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
            former = self._former.get(path)
            if former is not None and self._unchanged(entry, former):
                return self._with(entry, former.digest)
            if not self._room(entry.size, self._used):
                return entry
            fd = _open_readable(folder, name)
            if fd is None:
                return entry
            with closing(fd):
                opened = _entry(path, os.fstat(fd))
                digest = self._objects.add(fd, self._stop, opened.size)
                if digest is not None and _entry(path, os.fstat(fd)) == opened:
                    return self._with(opened, digest)
        return entry

    def _unchanged(self, entry: SavedEntry, former: SavedEntry) -> bool:
        return (
            former.saved
            and (entry.inode, entry.size, entry.mtime_ns, entry.ctime_ns)
            == (former.inode, former.size, former.mtime_ns, former.ctime_ns)
            and entry.ctime_ns < self._settled_ns
            and self._objects.has(former.digest, entry.size)
        )

    def _with(self, entry: SavedEntry, digest: bytes) -> SavedEntry:
        self._used.add(digest)
        return SavedEntry(
            entry.path,
            "file",
            entry.mode,
            entry.size,
            entry.mtime_ns,
            entry.ctime_ns,
            entry.inode,
            digest,
        )


def _entry(path: bytes, state: os.stat_result) -> SavedEntry:
    mode = stat.S_IMODE(state.st_mode)
    return SavedEntry(path, "file", mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


def _open_readable(folder: int, name: bytes) -> int | None:
    """Open a regular file for reading, also one whose owner (this user) may not read it; None if it cannot be read."""
    try:
        return _regular(os.open(name, READ, dir_fd=folder))
    except FileNotFoundError:
        raise
    except PermissionError:
        with closing(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)) as seen:
            mode = stat.S_IMODE(os.fstat(seen).st_mode)
            by_descriptor = Path(f"/proc/self/fd/{seen}")  # not by a name that could be swapped for a link meanwhile
            try:
                by_descriptor.chmod(mode | stat.S_IRUSR)
                return _regular(os.open(by_descriptor, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
            except PermissionError:
                return None
            finally:
                by_descriptor.chmod(mode)
    except OSError:  # it is a link by now, or the disk cannot read it
        return None


def _regular(fd: int) -> int | None:
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None
