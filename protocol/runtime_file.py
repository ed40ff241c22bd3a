"""Runtime file: where the server of a data folder is, for clients on the same machine: its address, and the file of its token.

A server holds a lock on the file while it runs (flock(2)), which ends with its process, however that ends. So nobody takes a file
that was left over for a server, nor sends the token to whatever has the port by now.
"""

import fcntl
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "server.json"
TOKEN: Final = "token"
LOG: Final = "server.log"
"""What a server that a client started has written."""
FILE_BYTES_MAX: Final = 16_384
OTHERS_WRITE: Final = 0o022


class ServerPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A running server. `url`: of its page, such as `http://127.0.0.1:7860`; `server`: its name and version, as in `ready`.

    `token_file`: the absolute path of the file with its token; null: it asks for none, or gives its users other credentials.
    """

    url: str
    token_file: str | None
    pid: int
    server: str


def user_data_folder(environ: Mapping[str, str]) -> Path:
    """The data folder of the server that a user runs for themselves: `$XDG_DATA_HOME/holdfast` (XDG Base Directory Specification)."""
    return _base(environ, "XDG_DATA_HOME", ".local/share") / "holdfast"


def user_config_file(environ: Mapping[str, str]) -> Path:
    """The config file of that server: `$XDG_CONFIG_HOME/holdfast/config.json`. It need not be there."""
    return _base(environ, "XDG_CONFIG_HOME", ".config") / "holdfast" / "config.json"


def _base(environ: Mapping[str, str], variable: str, default: str) -> Path:
    given = environ.get(variable, "")
    # The specification has relative paths ignored.
    return Path(given) if given.startswith("/") else Path(environ.get("HOME") or Path.home()) / default


class RuntimeFile:
    """The file, held by a running server until `remove` or the end of the process. Blocks for a moment. Raises OSError."""

    def __init__(self, folder: Path, place: ServerPlace) -> None:
        self._path = folder / NAME
        self._file = self._open()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(place) + b"\n", 0)

    def remove(self) -> None:
        """Remove the file: the server stops. Where it cannot be removed, it is one that nobody holds."""
        try:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(self._file)

    def _open(self) -> int:
        """The file, held. A server that is stopping may remove the one that was opened: then another is made."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)  # readers hold theirs for a moment alone
            if os.fstat(file).st_nlink:
                return file
            os.close(file)


def read_runtime_file(folder: Path) -> ServerPlace | None:
    """The server that runs with this data folder now; None if there is none, or it has not come up yet.

    A file that others could have written is not read: it names a file whose content is sent to an address.
    """
    try:
        fd = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS_WRITE:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _decode(os.pread(fd, FILE_BYTES_MAX, 0), folder)
        return None
    except OSError:
        return None
    finally:
        os.close(fd)


def _decode(data: bytes, folder: Path) -> ServerPlace | None:
    try:
        place = msgspec.json.decode(data, type=ServerPlace)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # it is being written
    ours = str(folder.absolute() / TOKEN)
    return place if place.token_file in (None, ours) else None
