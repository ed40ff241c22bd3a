"""Command limits: measures again and again what a running command uses that no kernel limit counts as a whole."""

import asyncio
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.sandbox.local.session_priority import SessionPriority
from agent.sandbox.settings import SandboxSettings
from agent.util.places import PlacesTaken
from agent.util.tasks import TaskOwner
from agent.workspace import paths
from agent.workspace.dirfd import FOLDER, closing, open_as_owner
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.settings import WorkspaceLimits

BLOCK_BYTES = 512

DISK_FREE_BYTES_MIN = 268_435_456
"""A command is killed when the disk has less room than this: the journal needs it, to store what was said."""


class DiskUsage(msgspec.Struct, frozen=True):
    """The number of names below a folder, and their size in bytes. `too_deep`: some folders lie below the depth bound."""

    names: int = 0
    size: int = 0
    too_deep: bool = False


def disk_usage(root: Path, names_max: int, depth_max: int) -> DiskUsage:
    """Count what is below `root`, until just past `names_max`. Unreadable folders are made readable first.

    A file with several names counts once for each. Raises OSError where the disk fails.
    """
    counter = _Counter(names_max)
    try:
        above = os.open(root.parent, FOLDER)
    except FileNotFoundError:
        return DiskUsage()
    with closing(above), suppress(FileNotFoundError):
        fd = open_as_owner(above, root.name)
        with closing(fd):
            counter.folder(fd, depth_max)
    return DiskUsage(counter.names, counter.size, counter.too_deep)


class _Counter:
    def __init__(self, names_max: int) -> None:
        self.names = self.size = 0
        self.too_deep = False
        self._names_max = names_max

    def folder(self, fd: int, depth: int) -> None:
        below: list[str] = []
        with os.scandir(fd) as entries:
            for entry in entries:
                self.names += 1
                if self.names > self._names_max:
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
    """Give an open folder and what is in it to a user, unless it is theirs. Only root can. Raises OSError."""
    if os.fstat(root).st_uid == user:
        return
    os.fchown(root, user, user)  # first: what is made from now on gets the folder's owner
    _chown_below(root, user, depth)


def _chown_below(folder: int, user: int, depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                os.chown(entry.name, user, user, dir_fd=folder, follow_symlinks=False)
                if depth > 1 and entry.is_dir(follow_symlinks=False):
                    with closing(os.open(entry.name, FOLDER, dir_fd=folder)) as inner:
                        _chown_below(inner, user, depth - 1)


NICE = 10
"""Commands run at a lower priority than the server."""
TICK_S = 0.05
DISK_S = 0.2
DISK_SHARE = 10
"""Counting the workspace takes at most one tenth of the time."""
FAR = 8
FREE_FILES = 1_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
IN_MEMORY = ("tmp", "dev/shm")  # below the sandbox's root


class WorkspaceQuota(msgspec.Struct, frozen=True):
    """A session's workspace and the limits of what it may hold. `counted`: false for a folder of the user: nothing in it counts."""

    root: Path
    limits: WorkspaceLimits
    counted: bool = True

    def used(self) -> DiskUsage:
        """What it holds now. Blocks."""
        if not self.counted:
            return DiskUsage()
        return disk_usage(self.root, FAR * self.limits.files_max, 2 * paths.DEPTH_MAX)

    def refusal(self, now: DiskUsage) -> str:
        """Why no command may run any more; empty if one may. Commands that free space may, as long as all can be counted."""
        far = FAR * self.limits.total_bytes_max
        if now.size > far or now.names > FAR * self.limits.files_max:
            return f"the workspace holds more than {FAR} times what it may: no command can run in it any more"
        return ""

    def excess(self, now: DiskUsage, before: DiskUsage) -> str:
        """Why what it holds is too much, and more than before; empty if not. So a command that frees space goes on."""
        limits = self.limits
        if now.size > limits.total_bytes_max and now.size > before.size:
            return f"the workspace is full: its files hold more than {limits.total_bytes_max} bytes"
        if now.names > limits.files_max and now.names > before.names:
            return f"the workspace is full: it holds more than {limits.files_max} files and folders"
        if now.too_deep and not before.too_deep:
            return f"it made folders more than {2 * paths.DEPTH_MAX} deep"
        return ""


class LimitMonitor:
    """Watches one command. `leader`: process id of the sandbox's first process; 0: its processes cannot be watched.

    `grow`: takes by how many bytes the workspace has grown; returns why that is too much, or nothing.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        quota: WorkspaceQuota,
        disk: DiskExecutor,
        before: DiskUsage,
        leader: int,
        grow: Callable[[int], str],
    ) -> None:
        self._settings = settings
        self._quota = quota
        self._executor = disk
        self._before = before
        self._grow = grow
        self._size = before.size
        self._root = f"/proc/{leader}/root" if leader else ""
        self._priority = SessionPriority(leader, NICE)
        self._disk_at = time.monotonic() + DISK_S

    async def after(self) -> str:
        """After the command's end: why what it left in the workspace is too much; empty if it is not."""
        now = await self._executor.walk(self._quota.used)
        return self._quota.excess(now, self._before) or self._grow(now.size - self._before.size)

    async def until_exceeded(self, ended: Callable[[], bool]) -> str:
        """Wait until a limit is exceeded, and say why the command must end; empty once it has ended."""
        tasks = TaskOwner("limits")
        look: asyncio.Task[str] | None = None
        try:
            while not ended():
                why = self._processes() if self._root else ""
                if look is not None and look.done():
                    why, look = why or look.result(), None
                if why:
                    return why
                if look is None and time.monotonic() >= self._disk_at:
                    look = tasks.start(
                        self._look(), "disk"
                    )  # it may wait for a thread: processes are watched meanwhile
                await asyncio.sleep(TICK_S)
        finally:
            await tasks.aclose()
        return ""

    async def _look(self) -> str:
        """Why the command must end because of what it wrote; empty if it need not, or if no thread was free to look."""
        try:
            return await self._executor.walk(self._disk) or self._grow(self._size - self._before.size)
        except PlacesTaken:
            return ""

    def _processes(self) -> str:
        settings = self._settings
        try:
            with os.scandir(f"{self._root}/proc") as entries:
                names = [entry.name for entry in entries if entry.name.isdigit()]
        except OSError:
            return ""  # it has ended, or has not begun
        threads = memory = 0
        sessions: set[bytes] = set()
        if len(names) <= settings.processes_max:
            for name in names:
                state = _process(f"{self._root}/proc/{name}/stat")
                threads, memory = threads + state[0], memory + state[1]
                sessions.add(state[2])
            self._priority.look(sessions)
        if max(threads, len(names)) > settings.processes_max:
            return f"it had more than {settings.processes_max} processes and threads"
        if memory > settings.memory_bytes:
            return f"its processes took more than {settings.memory_bytes} bytes of memory"
        return ""

    def _disk(self) -> str:
        began = time.monotonic()
        try:
            now = self._quota.used()
            self._size = now.size
            why = self._quota.excess(now, self._before) or self._too_many_files_in_memory() or self._nearly_full()
        except OSError as error:
            why = f"what it wrote could not be counted: {error.strerror}"
        ended = time.monotonic()
        self._disk_at = ended + max(DISK_S, DISK_SHARE * (ended - began))
        return why

    def _too_many_files_in_memory(self) -> str:
        """Why there are too many files in /tmp and /dev/shm, each of which takes kernel memory; empty if not."""
        for name in IN_MEMORY if self._root else ():
            try:
                state = os.statvfs(f"{self._root}/{name}")
            except OSError:
                return ""  # as above
            if state.f_files - state.f_ffree > self._quota.limits.files_max:
                return f"it made more than {self._quota.limits.files_max} files in /{name}"
        return ""

    def _nearly_full(self) -> str:
        state = os.statvfs(self._quota.root)
        if state.f_bavail * state.f_frsize < DISK_FREE_BYTES_MIN:
            return "the disk is nearly full"
        if state.f_files > 0 and state.f_favail < FREE_FILES:
            return "the disk has hardly room for more files"
        return ""


def _process(path: str) -> tuple[int, int, bytes]:
    """Threads, bytes of memory and session of a process (proc(5), fields 20, 24 and 6 of `stat`); zeros for one that has ended."""
    try:
        fields = Path(path).read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0, 0, b"0"
    return int(fields[17]), int(fields[21]) * PAGE_BYTES, fields[3]
