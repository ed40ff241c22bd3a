"""Disks that fail for a time: full, limited, or locked by another program, without a hook in the server."""

import contextlib
import ctypes
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

SMALL_DISK = "8m"
BLOCK = bytes(65_536)


class Outage(Protocol):
    """A journal in `folder` that cannot be written between `begin` and `end`. `words`: what a person is told."""

    folder: Path
    words: str

    def begin(self) -> None:
        """From now on nothing can be stored."""

    def end(self) -> None:
        """It can again; nothing happens if it could."""


class FullDisk:
    """A small file system, full of something else."""

    words = "the disk is full: free some space"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._ballast = folder / "ballast"

    def begin(self) -> None:
        fill(self._ballast)

    def end(self) -> None:
        self._ballast.unlink(missing_ok=True)


def fill(ballast: Path) -> None:
    """Write this file until its disk is full."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(BLOCK)
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")


class LimitedFile:
    """No file of this process may be larger than the journal's log is now: what a quota does, and needs no rights."""

    words = "check the disk, its space and its quota"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def begin(self) -> None:
        size = (self.folder / "journal.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self._before[1]))

    def end(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class Lock:
    """Another program that has the database locked."""

    words = "it is locked: close the other program that has it open"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._holder: sqlite3.Connection | None = None

    def begin(self) -> None:
        self._holder = sqlite3.connect(self.folder / "journal.db", isolation_level=None, timeout=10)
        self._holder.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


KINDS = ["full", "limited", "locked"]


@contextlib.contextmanager
def outage_of(kind: str, folder: Path) -> Iterator[Outage]:
    """An outage of this kind. Where nothing may be mounted, a full disk is stood in for by a limit."""
    folder = folder / "disk"
    folder.mkdir()
    if kind == "full":
        with small_disk(folder) as mounted:
            disk: Outage = FullDisk(folder) if mounted else LimitedFile(folder)
            with _over(disk):
                yield disk
    else:
        with _over(Lock(folder) if kind == "locked" else LimitedFile(folder)) as other:
            yield other


@contextlib.contextmanager
def _over(outage: Outage) -> Iterator[Outage]:
    try:
        yield outage
    finally:
        outage.end()


@contextlib.contextmanager
def small_disk(folder: Path, size: str = SMALL_DISK) -> Iterator[bool]:
    """A file system of this size in this folder; whether it could be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


# ------------------------------------------------------------------------------------------ hooks of a server process
class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


CAPABILITY_VERSION_3 = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


def obey_file_modes() -> None:
    """For root too a file that is not writable is not writable: see capabilities(7). Others obey already."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = _CapHeader(CAPABILITY_VERSION_3, 0), (_CapData * 2)()
    if libc.capget(ctypes.byref(header), data) == 0:
        data[0].effective &= ~(DAC_OVERRIDE | DAC_READ_SEARCH)
        data[0].permitted &= ~(DAC_OVERRIDE | DAC_READ_SEARCH)
        if libc.capset(ctypes.byref(header), data) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def limit_files(size: int) -> None:
    """No file may grow past `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE, MS_NOSUID = 16384, 1 << 18, 2


def on_a_small_disk(folder: str, size: int) -> None:
    """From now on the folder is a file system of `size` bytes for this process alone, with the files that are in it.

    Needs no rights where the system lets users make namespaces: mount_namespaces(7), user_namespaces(7). Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    files = {file.name: (file.read_bytes(), file.stat().st_mode) for file in Path(folder).iterdir() if file.is_file()}
    _checked(libc.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER), "unshare")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _checked(libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "mount")
    options = f"size={size},mode=700".encode()
    _checked(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", ctypes.c_ulong(MS_NOSUID), options), "mount")
    for name, (data, mode) in files.items():
        path = Path(folder, name)
        path.write_bytes(data)
        path.chmod(mode & 0o777)


def has_small_disks(folder: Path) -> bool:
    """Whether `on_a_small_disk` works on this machine."""
    program = f"from {__name__} import on_a_small_disk; on_a_small_disk({str(folder)!r}, 65536)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)
