"""Log context: the session, turn, user and connection that a log line is about, kept with the running task and its children."""

from contextvars import ContextVar
from hashlib import blake2b
from pathlib import Path

import msgspec

from server.util.private_files import load_or_create_key

SALT_FILE = "log.salt"
SALT_BYTES = 32
HASH_BYTES = 6


class LogContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a log line is about; a field is empty where it does not apply. `user` is a salted hash, `conn` a name of one socket."""

    session: str = ""
    turn: str = ""
    user: str = ""
    conn: str = ""


NO_CONTEXT = LogContext()

_CONTEXT: ContextVar[LogContext] = ContextVar("holdfast log context", default=NO_CONTEXT)


def current() -> LogContext:
    """The context of the running task."""
    return _CONTEXT.get()


def enter(context: LogContext) -> None:
    """Set the context of the running task and of each task that it starts from now on."""
    _CONTEXT.set(context)


def bind(**known: str) -> None:
    """Add to the context of the running task."""
    _CONTEXT.set(msgspec.structs.replace(_CONTEXT.get(), **known))


class UserHashes:
    """Names for users in logs. A user always has the same name; without the salt no name leads to its user."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def of(self, user_id: str) -> str:
        """The user's name in the log."""
        return blake2b(user_id.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=HASH_BYTES).hexdigest()


def user_hashes(folder: Path, fresh: bytes) -> UserHashes:
    """With the salt kept in the data folder, which is `fresh` if there was none. Raises `PrivateFileError`."""
    return UserHashes(load_or_create_key(folder / SALT_FILE, lambda: fresh, SALT_BYTES))
