"""Private files: files that only the server's own user may read. A write replaces the whole file or changes nothing."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
OTHERS: Final = 0o077

FileVersion = tuple[int, int, int]


class PrivateFileError(Exception):
    """A file cannot be used. The message says which one, why, and what to do."""


def file_version(path: Path) -> FileVersion | None:
    """The modification time in nanoseconds, size and inode of the file, which change when it does; None: there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_private(path: Path, most_bytes: int) -> bytes:
    """The content of the file. Raises `PrivateFileError` if other users can read or change it, or it is too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                raise PrivateFileError(f"{path}: is no plain file")
            if mode & OTHERS:
                raise PrivateFileError(
                    f"{path}: others can read or change it (mode {stat.S_IMODE(mode):04o}), so it is no secret. "
                    "Delete it to get a new one; or, if nobody else was on this machine, `chmod 600` it"
                )
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise PrivateFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise PrivateFileError(f"{path}: larger than {most_bytes} bytes; is it the right file?")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Replace the file by one with `data`, readable by its owner alone. Raises `PrivateFileError`."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        raise PrivateFileError(f"{path}: cannot be written: {error.strerror}") from error


def load_or_create_key(path: Path, create: Callable[[], bytes], most_bytes: int) -> bytes:
    """The content of a key's file. If there is no file, one with what `create` returns is written first.

    Raises `PrivateFileError`.
    """
    if not path.exists():
        write_private(path, create())
    return read_private(path, most_bytes)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file, against other threads and processes that lock it too. Raises `PrivateFileError`."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    except OSError as error:
        raise PrivateFileError(f"{lock}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
