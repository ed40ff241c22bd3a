"""Data folder: its file names and modes, and the lock that lets one server at a time use it."""

import fcntl
import os
import time
from pathlib import Path

from server.journal.errors import FolderInUse, Moved, explain_os

LOCK = "journal.lock"
DATABASE = "journal.db"
MARK = "journal.mark"
MOVED = "journal.moved"
"""Says that the journal was moved into a database, and when: what is in the folder is old."""

FOLDER_MODE = 0o700
FILE_MODE = 0o600

WAIT_S = 2.0
"""How long a start waits for a folder that is held. What a killed server was about to start holds it until it runs a program of its own."""
TRY_AGAIN_S = 0.02


class FolderLock:
    """Holds the folder until `release`, or until the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be and lock it, once nobody else holds it. Blocking, up to `WAIT_S`. Raises `FolderInUse`, `Unavailable`.

        `changed_at` is when the lock file was last changed before, its ctime in ns: see `write_owner`.
        """
        path = self._path = folder / LOCK
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise explain_os(error, folder) from error
        try:
            until = time.monotonic() + WAIT_S
            while not _locked(self._file):
                if time.monotonic() >= until:
                    pid = os.pread(self._file, 32, 0).strip()
                    raise FolderInUse(folder, int(pid) if pid.isdigit() else None)
                time.sleep(TRY_AGAIN_S)
            self.changed_at = os.fstat(self._file).st_ctime_ns
        except OSError as error:
            os.close(self._file)
            raise explain_os(error, path) from error
        except FolderInUse:
            os.close(self._file)
            raise

    def write_owner(self) -> int:
        """Write this process's id into the lock file. Returns the file's new ctime in ns, which no copy of the folder has. Raises `Unavailable`."""
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
            return os.fstat(self._file).st_ctime_ns
        except OSError as error:
            raise explain_os(error, self._path) from error

    def release(self) -> None:
        """Unlock the folder; again: nothing. The file stays: removing it would let two servers hold two locks."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def create_private(path: Path) -> bool:
    """Make an empty file that only the server's user can read; False if it was there. Raises `Unavailable`."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except FileExistsError:
        return False
    except OSError as error:
        raise explain_os(error, path) from error
    return True


def sync_folder(folder: Path) -> None:
    """Have the disk store which files the folder has. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_moved(folder: Path) -> None:
    """Raise `Moved` if the folder's journal was moved into a database, `Unavailable` if that cannot be read."""
    path = folder / MOVED
    try:
        raise Moved(path, path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain_os(error, path) from error
