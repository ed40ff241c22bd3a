"""Login store: logins on disk, in a SQLite file of their own."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from server.auth.logins import Login
from server.journal.base import Unavailable
from server.util.private_files import PRIVATE, PrivateFileError

log = logging.getLogger("holdfast.auth")

FILE = "logins.db"
VERSION = 2
"""1: without `key_hash`."""
BUSY_TIMEOUT_S = 5.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS logins (
    login_id TEXT PRIMARY KEY, cookie_hash BLOB NOT NULL, credential TEXT NOT NULL, user_id TEXT NOT NULL,
    name TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL, sealed BLOB NOT NULL,
    key_hash BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID
"""
FIELDS = [field.name for field in msgspec.structs.fields(Login)]


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turn an error of the disk into `Unavailable`, which names no path: who logs in is not known yet."""
    try:
        yield
    except sqlite3.OperationalError as error:
        log.exception("logins cannot be stored")
        raise Unavailable("the server could not store the login: its disk may be full; try again later") from error


class SqliteLoginStore:
    """A `LoginStore` in the file `logins.db`, readable by its owner alone. The journal's lock keeps others out."""

    def __init__(self, folder: Path) -> None:
        """Raises `PrivateFileError`."""
        self._path = folder / FILE
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE))
            self._path.chmod(PRIVATE)
            self._db = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
            )
        except OSError as error:
            raise PrivateFileError(f"{self._path}: cannot be opened: {error.strerror}") from error
        try:
            self._set_up()
        except BaseException:
            self._db.close()
            raise

    def load(self) -> list[Login]:
        """All logins, oldest first."""
        with closing(self._db.execute(f"SELECT {', '.join(FIELDS)} FROM logins ORDER BY created_at")) as rows:
            return [Login(**dict(zip(FIELDS, row, strict=True))) for row in rows]

    def put(self, login: Login) -> None:
        """Store the login, or replace its earlier state. Raises `Unavailable`."""
        blanks = ", ".join("?" * len(FIELDS))
        with _unavailable():
            self._db.execute(f"INSERT OR REPLACE INTO logins VALUES ({blanks})", msgspec.structs.astuple(login))

    def drop(self, login_ids: list[str]) -> None:
        """Delete these logins, with one commit. Raises `Unavailable`."""
        ids = msgspec.json.encode(login_ids).decode()
        with _unavailable():
            self._db.execute("DELETE FROM logins WHERE login_id IN (SELECT value FROM json_each(?))", (ids,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _set_up(self) -> None:
        try:
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise PrivateFileError(
                    f"{self._path}: written by a newer version; move it away, then everyone has to log in again"
                )
            # What is dropped is a login's secret: it must not stay behind in free pages.
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute(SCHEMA)
            if version == 1:
                self._db.execute("ALTER TABLE logins ADD COLUMN key_hash BLOB NOT NULL DEFAULT x''")
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.DatabaseError as error:
            raise PrivateFileError(f"{self._path}: {error}; move it away, then everyone has to log in again") from error
