"""Space program, files: reads, writes and lists files below one folder, opening names one at a time, never through a link.

A link could lead to what only this program may read, such as its own environment.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from agent.sandbox.in_space.commands import RequestRefused

NAMES_MAX = 64
"""Names in one path."""
READ_BYTES_MAX = 64 << 20
"""What one read gives at most."""
WRITE_BYTES_MAX = 256 << 20
"""Largest file that is written."""
LISTED_MAX = 100_000
"""Names that one listing gives at most."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
UNFINISHED = ".holdfast-", ".part"
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class SpaceFiles:
    """The session's files, below the folder `root`."""

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self, path: str, most: int) -> tuple[bytes, int]:
        """The file's first bytes, and its size. Raises RequestRefused."""
        *above, name = _parts(path, want_file=True)
        with self._folder(above, path) as folder, _refusing(path):
            fd = os.open(name, READ, dir_fd=folder)
            with open(fd, "rb") as file:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise RequestRefused(400, f"{path} is no file")
                data = file.read(min(most, READ_BYTES_MAX))
                return data, max(len(data), found.st_size)

    def write(self, path: str, data: bytes) -> bool:
        """Put a file there, wholly or not at all; whether it took the place of one. Raises RequestRefused."""
        *above, name = _parts(path, want_file=True)
        with self._folder(above, path, make=True) as folder, _refusing(path):
            former = _former(name, folder)
            if former is not None and not stat.S_ISREG(former.st_mode):
                raise RequestRefused(400, f"{path} is a {_kind(former.st_mode)}, not a file")
            unfinished = secrets.token_hex(8).join(UNFINISHED)
            with open(os.open(unfinished, NEW, 0o644, dir_fd=folder), "wb") as file:
                try:
                    file.write(data)
                    file.flush()
                    if former is not None:
                        os.fchmod(file.fileno(), stat.S_IMODE(former.st_mode) & 0o777)
                    os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
                except BaseException:
                    with suppress(FileNotFoundError):
                        os.unlink(unfinished, dir_fd=folder)
                    raise
            return former is not None

    def entries(self, path: str, recursive: bool, most: int) -> tuple[list[tuple[str, str, int]], bool]:
        """Path, kind and size of what is in a folder, each folder before what is in it; whether there is more."""
        parts = _parts(path, want_file=False)
        found: list[tuple[str, str, int]] = []
        most = min(most, LISTED_MAX)
        with self._folder(parts, path) as folder, _refusing(path):
            for entry in _walk(folder, "/".join(parts), recursive, len(parts)):
                if len(found) == most:
                    return found, True
                found.append(entry)
        return found, False

    @contextmanager
    def _folder(self, parts: list[str], path: str, make: bool = False) -> Iterator[int]:
        with ExitStack() as stack:
            with _refusing(path):
                fd = os.open(self.root, FOLDER)
                stack.callback(os.close, fd)
                for name in parts:
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(name, dir_fd=fd)
                    fd = os.open(name, FOLDER, dir_fd=fd)
                    stack.callback(os.close, fd)
            yield fd


def _walk(folder: int, above: str, recursive: bool, depth: int) -> Iterator[tuple[str, str, int]]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        if name.startswith(UNFINISHED[0]) and name.endswith(UNFINISHED[1]):
            continue
        former = _former(name, folder)
        if former is None:
            continue
        path = f"{above}/{name}" if above else name
        is_file = stat.S_ISREG(former.st_mode)
        # What is no UTF-8 cannot be said in JSON.
        yield path.encode(errors="replace").decode(), _kind(former.st_mode), former.st_size if is_file else 0
        if recursive and stat.S_ISDIR(former.st_mode) and depth < NAMES_MAX:
            with suppress(OSError):
                inner = os.open(name, FOLDER, dir_fd=folder)
                try:
                    yield from _walk(inner, path, recursive, depth + 1)
                finally:
                    os.close(inner)


def _former(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _kind(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "special file")


def _parts(path: str, want_file: bool) -> list[str]:
    parts = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path or len(parts) > NAMES_MAX:
        raise RequestRefused(400, "paths are relative to the workspace and stay inside it")
    if want_file and not parts:
        raise RequestRefused(400, "the path names a folder, not a file")
    return parts


@contextmanager
def _refusing(path: str) -> Iterator[None]:
    """What the system refuses, in words that name no path but the asked one."""
    try:
        yield
    except FileNotFoundError:
        raise RequestRefused(404, f"there is no {path} in the workspace") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise RequestRefused(400, f"{path} leads through a link or through what is no folder") from None
        raise RequestRefused(400, f"the system refused {path}: {error.strerror}") from None
