"""Index: the file with the texts of sessions, SQLite's FTS5. Blocking; calls take turns."""

import hashlib
import logging
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from server.search.texts import Changes, Hit, Reading, read
from server.util.private_files import PRIVATE

log = logging.getLogger("holdfast.search")

VERSION: Final = 1
"""Of the tables; a file of another version is made anew."""
HITS_MAX: Final = 400
"""Messages that are looked at for one search, the newest: they are of fewer sessions."""
WORDS_MAX: Final = 16
SNIPPET_WORDS: Final = 16
_BEGIN, _END = "\x02", "\x03"
"""Around what was found, in a snippet: no text holds them, because they are taken out of it."""
_WORD: Final = re.compile(r"\w+")

_TABLES = f"""
    PRAGMA application_id = 1212569171;
    PRAGMA user_version = {VERSION};
    CREATE TABLE sessions (
        key INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL,
        used_at TEXT NOT NULL,
        bytes INTEGER NOT NULL DEFAULT 0,       -- of its texts
        reading BLOB NOT NULL
    );
    CREATE TABLE messages (
        key INTEGER PRIMARY KEY, session INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL
    );
    CREATE INDEX messages_by_place ON messages (session, place);
    CREATE VIRTUAL TABLE texts USING fts5(text, owner, tokenize = "unicode61 remove_diacritics 2");
"""
_FIND = f"""
    SELECT s.session_id, m.name, snippet(texts, 0, '{_BEGIN}', '{_END}', '…', {SNIPPET_WORDS})
    FROM texts JOIN messages m ON m.key = texts.rowid JOIN sessions s ON s.key = m.session
    WHERE texts MATCH ? ORDER BY texts.rowid DESC LIMIT {HITS_MAX}
"""


class TextIndex:
    """The index in this file, which is opened at its first use: a start needs it not. Made if it is missing, no database, or of another version.

    Each call raises `sqlite3.Error`, and OSError where the file cannot be made.
    """

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._lock = threading.Lock()

    @cached_property
    def _db(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            log.warning("%s is made anew: %s", self._path, error)
            for name in (self._path, *(self._path.with_name(self._path.name + end) for end in ("-wal", "-shm"))):
                name.unlink(missing_ok=True)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        self._path.touch(PRIVATE)
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # what a power cut takes is made again
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise sqlite3.DatabaseError(f"its version is {found}, not {VERSION}")
            if not found:
                db.executescript(f"BEGIN; {_TABLES} COMMIT;")
        except BaseException:
            db.close()
            raise
        return db

    def positions(self) -> dict[str, tuple[int, str]]:
        """Up to which event each session was read, and in which epoch."""
        with self._lock, closing(self._db.execute("SELECT session_id, reading FROM sessions")) as rows:
            read = ((session_id, msgspec.msgpack.decode(data, type=Reading)) for session_id, data in rows)
            return {session_id: (reading.seq, reading.epoch) for session_id, reading in read}

    def reading(self, session_id: str) -> Reading:
        """How far the session was read."""
        with self._lock:
            return self._reading(session_id)

    def add(
        self, session_id: str, user_id: str, used_at: str, epoch: str, after: int, records: Sequence[tuple[int, bytes]]
    ) -> int:
        """Read on in a session, from the `seq` and JSON of its events behind `after`; the `seq` up to which it was read now.

        If it was not read up to `after`, nothing changes: another caller was faster. `used_at`: as in its row; `epoch`: the present one.
        """
        with self._lock, self._transaction() as db:
            reading = self._reading(session_id)
            if reading.seq != after:
                return reading.seq
            changes = read(reading, records)
            reading.epoch = epoch
            db.execute(
                "INSERT INTO sessions (session_id, user_id, used_at, reading) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (session_id) DO UPDATE SET used_at = excluded.used_at, reading = excluded.reading",
                (session_id, user_id, used_at, msgspec.msgpack.encode(reading)),
            )
            (key,) = db.execute("SELECT key FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
            self._change(key, user_id, changes)
            return reading.seq

    def forget(self, session_ids: Iterable[str]) -> None:
        """Remove what there is of these sessions."""
        with self._lock, self._transaction() as db:
            for session_id in session_ids:
                row = db.execute("SELECT key FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
                if row is not None:
                    self._remove(row[0], 0)
                    db.execute("DELETE FROM sessions WHERE key = ?", row)

    def find(self, user_id: str, words: str) -> dict[str, Hit]:
        """The user's sessions in which one message has all these words, each perhaps as the beginning of one, by their ids."""
        sought = _WORD.findall(words)[:WORDS_MAX]
        if not sought:
            return {}
        begun = " AND ".join(f'"{word}" *' for word in sought)
        query = f"owner : {_owner(user_id)} AND text : ({begun})"
        found: dict[str, Hit] = {}
        with self._lock, closing(self._db.execute(_FIND, (query,))) as rows:
            for session_id, message, snippet in rows:
                found.setdefault(session_id, Hit(message, re.split(f"[{_BEGIN}{_END}]", snippet)))
        return found

    def shrink(self) -> int:
        """Remove the texts of sessions that were not used for longest, until the bound is kept; of how many."""
        removed = 0
        with self._lock:
            (size,) = self._db.execute("SELECT total(bytes) FROM sessions").fetchone()
            oldest = "SELECT key, bytes FROM sessions WHERE bytes > 0 ORDER BY used_at"
            for key, its in self._db.execute(oldest).fetchall() if size > self._bytes_max else ():
                if size <= self._bytes_max:
                    break
                with self._transaction():
                    self._remove(key, 0)
                size, removed = size - its, removed + 1
        return removed

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if "_db" in vars(self):
                self._db.close()

    def _reading(self, session_id: str) -> Reading:
        row = self._db.execute("SELECT reading FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
        return Reading() if row is None else msgspec.msgpack.decode(row[0], type=Reading)

    def _change(self, session: int, user_id: str, changes: Changes) -> None:
        self._remove(session, changes.kept)
        for said in changes.said:
            text = said.text.replace(_BEGIN, " ").replace(_END, " ")
            values = (session, said.place, said.name, len(text.encode()))
            insert = "INSERT INTO messages (session, place, name, bytes) VALUES (?, ?, ?, ?)"
            key = self._db.execute(insert, values).lastrowid
            self._db.execute("INSERT INTO texts (rowid, text, owner) VALUES (?, ?, ?)", (key, text, _owner(user_id)))
        counted = "SELECT total(bytes) FROM messages WHERE session = ?"
        self._db.execute(f"UPDATE sessions SET bytes = ({counted}) WHERE key = ?", (session, session))

    def _remove(self, session: int, kept: int) -> None:
        """Remove the texts of a session's messages from the place `kept` on."""
        where = "SELECT key FROM messages WHERE session = ? AND place >= ?"
        self._db.execute(f"DELETE FROM texts WHERE rowid IN ({where})", (session, kept))
        self._db.execute("DELETE FROM messages WHERE session = ? AND place >= ?", (session, kept))
        if not kept:
            self._db.execute("UPDATE sessions SET bytes = 0 WHERE key = ?", (session,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _owner(user_id: str) -> str:
    """The word by which FTS5 finds the texts of this user alone."""
    return f"u{hashlib.blake2b(user_id.encode(), digest_size=12).hexdigest()}"
