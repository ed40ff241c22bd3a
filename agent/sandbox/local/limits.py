"""What a running command takes that no limit of the kernel counts in all: looked at again and again until it is too much."""

import asyncio
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.sandbox.settings import SandboxSettings
from agent.workspace.dirfd import FOLDER, closing
from agent.workspace.settings import WorkspaceLimits

LOOK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
BLOCK_BYTES = 512


class DiskUsage(msgspec.Struct, frozen=True):
    """Names below a folder, and the bytes they take on disk or claim. `too_deep`: there are folders below the bound."""

    names: int = 0
    size: int = 0
    too_deep: bool = False


def disk_usage(root: Path, names_max: int, depth_max: int) -> DiskUsage:
    """Count what is below `root`, up to just past `names_max`. A folder that hides what is in it is opened again.

    A file with several names counts once for each. Raises OSError where the disk fails.
    """
    counting = _Count(names_max)
    try:
        above = os.open(root.parent, FOLDER)
    except FileNotFoundError:
        return DiskUsage()
    with closing(above), suppress(FileNotFoundError):
        fd = open_as_owner(above, root.name)
        with closing(fd):
            counting.folder(fd, depth_max)
    return DiskUsage(counting.names, counting.size, counting.too_deep)


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
                inner = open_as_owner(fd, name)
                with closing(inner):
                    self.folder(inner, depth - 1)


def chown_tree(root: int, user: int, depth: int) -> None:
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


def open_as_owner(folder: int, name: str) -> int:
    """Open a folder below `folder`, never through a link; its owner, who we are, is let in first. Raises OSError."""
    with closing(os.open(name, LOOK, dir_fd=folder)) as seen:
        mode = stat.S_IMODE(os.fstat(seen).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            # By what is open, not by a name that could be swapped for a link meanwhile.
            Path(f"/proc/self/fd/{seen}").chmod(mode | stat.S_IRWXU)
    return os.open(name, FOLDER, dir_fd=folder)


TICK_S = 0.05
DISK_S = 0.2
DISK_SHARE = 10
"""Counting the workspace takes at most one part in so many of the time."""
FAR = 8
FREE_FILES = 1_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
IN_MEMORY = ("tmp", "dev/shm")  # below the sandbox's root


class WorkspaceQuota(msgspec.Struct, frozen=True):
    """A session's workspace and what it may hold."""

    root: Path
    limits: WorkspaceLimits

    def used(self) -> DiskUsage:
        """How much it holds now. Blocking."""
        return disk_usage(self.root, FAR * self.limits.files_max, 2 * self.limits.depth_max)

    def hopeless(self, now: DiskUsage) -> str:
        """Why no command can be let in any more, or empty. One that makes room could be, as long as all can be counted."""
        far = FAR * self.limits.total_bytes_max
        if now.size > far or now.names > FAR * self.limits.files_max:
            return f"the workspace holds more than {FAR} times what it may: no command can run in it any more"
        return ""

    def excess(self, now: DiskUsage, before: DiskUsage) -> str:
        """Why what it holds is too much and more than before, or empty: a command that makes room is left alone."""
        most = self.limits
        if now.size > most.total_bytes_max and now.size > before.size:
            return f"the workspace is full: its files hold more than {most.total_bytes_max} bytes"
        if now.names > most.files_max and now.names > before.names:
            return f"the workspace is full: it holds more than {most.files_max} files and folders"
        if now.too_deep and not before.too_deep:
            return f"it made folders more than {2 * most.depth_max} deep"
        return ""


class LimitMonitor:
    """Watches one command. `leader`: the sandbox's first process, by this machine's number; 0: its processes are not seen."""

    def __init__(self, settings: SandboxSettings, room: WorkspaceQuota, before: DiskUsage, leader: int) -> None:
        self._settings = settings
        self._room = room
        self._before = before
        self._root = f"/proc/{leader}/root" if leader else ""
        self._disk_at = time.monotonic() + DISK_S

    async def after(self) -> str:
        """What a command that has ended left behind: why it is too much, or empty."""
        return await asyncio.to_thread(lambda: self._room.excess(self._room.used(), self._before))

    async def until_too_much(self, ended: Callable[[], bool]) -> str:
        """Why the command must end; empty once it has ended."""
        while not ended():
            why = self._processes() if self._root else ""
            if not why and time.monotonic() >= self._disk_at:
                why = await asyncio.to_thread(self._disk)
            if why:
                return why
            await asyncio.sleep(TICK_S)
        return ""

    def _processes(self) -> str:
        settings = self._settings
        try:
            with os.scandir(f"{self._root}/proc") as found:
                names = [entry.name for entry in found if entry.name.isdigit()]
        except OSError:
            return ""  # it has ended, or not quite begun
        threads = memory = 0
        if len(names) <= settings.processes_max:
            for name in names:
                state = _state(f"{self._root}/proc/{name}/stat")
                threads, memory = threads + state[0], memory + state[1]
        if max(threads, len(names)) > settings.processes_max:
            return f"it had more than {settings.processes_max} processes and threads"
        if memory > settings.memory_bytes:
            return f"its processes took more than {settings.memory_bytes} bytes of memory"
        return ""

    def _disk(self) -> str:
        began = time.monotonic()
        try:
            why = self._room.excess(self._room.used(), self._before) or self._crowded() or self._nearly_full()
        except OSError as error:
            why = f"what it wrote could not be counted: {error.strerror}"
        ended = time.monotonic()
        self._disk_at = ended + max(DISK_S, DISK_SHARE * (ended - began))
        return why

    def _crowded(self) -> str:
        """Whether there are too many files in what is held in memory, each of which takes some of the kernel's."""
        for name in IN_MEMORY if self._root else ():
            try:
                state = os.statvfs(f"{self._root}/{name}")
            except OSError:
                return ""  # as above
            if state.f_files - state.f_ffree > self._room.limits.files_max:
                return f"it made more than {self._room.limits.files_max} files in /{name}"
        return ""

    def _nearly_full(self) -> str:
        state = os.statvfs(self._room.root)
        if state.f_bavail * state.f_frsize < self._settings.disk_free_bytes_min:
            return "the disk is nearly full"
        if state.f_files > 0 and state.f_favail < FREE_FILES:
            return "the disk has hardly room for more files"
        return ""


def _state(path: str) -> tuple[int, int]:
    """Threads and bytes of memory of a process (proc(5), fields 20 and 24 of `stat`); nothing of one that is gone."""
    try:
        fields = Path(path).read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[17]), int(fields[21]) * PAGE_BYTES
