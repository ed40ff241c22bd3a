"""Schema: the database's tables, versions and migrations, and the checks before it is used."""

import errno
import os
import sqlite3
import struct
from pathlib import Path
from typing import Literal

from server.journal.base import Unavailable
from server.journal.errors import Corrupt, SchemaTooNew, explain_os

Durability = Literal["process", "power"]
"""What a stored event outlives: the process (a kill), or the machine too (a power cut)."""

BUSY_TIMEOUT_S = 1.0
"""How long a call waits for another program that holds the database's lock. Only a backup or an administrator's shell
does, for moments; the caller tries again by itself after that."""

LOG_PAGES_MAX = 8_192
"""Pages of 4 KiB in the write-ahead log after which the writer itself moves them into the database: 32 MiB. Readers
search the log, so a longer one makes every read slower."""

APPLICATION_ID = 0x48464A4C
"""`HFJL`: SQLite's application id of a Holdfast journal."""

CACHE_KIB = 512
"""Pages that a connection keeps in memory; the system's page cache is behind it."""

WRITER_CACHE_KIB = 2_048
"""The same for the connection that writes, as SQLite has it by default. A streamed text takes two or three pages: its last one, and those
beside it when that is full. Where there is no room for them, they are read anew for each event, and changes are written twice."""

_SYNCHRONOUS: dict[Durability, str] = {"process": "NORMAL", "power": "FULL"}

STEPS = (
    """
    CREATE TABLE meta (journal_id TEXT NOT NULL, changes INTEGER NOT NULL);     -- changes: see mark.py
    CREATE TABLE sessions (
        key INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL UNIQUE,
        term INTEGER NOT NULL,
        term_head INTEGER NOT NULL,         -- the head when the term began
        deleted INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        title TEXT NOT NULL,
        model TEXT NOT NULL,
        created_at TEXT NOT NULL,
        last_active_at TEXT NOT NULL,
        message_count INTEGER NOT NULL,
        state TEXT NOT NULL,
        pending_approval BLOB NOT NULL,
        unfinished INTEGER NOT NULL,
        options BLOB NOT NULL
    );
    CREATE INDEX sessions_by_user ON sessions (user_id) WHERE deleted = 0;
    CREATE TABLE events (
        session INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        span INTEGER NOT NULL,              -- seq - first_seq: 0 unless merged
        data BLOB NOT NULL,
        PRIMARY KEY (session, seq)
    ) WITHOUT ROWID;
    CREATE TABLE submissions (
        session INTEGER NOT NULL,
        submission_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        answer BLOB NOT NULL,
        PRIMARY KEY (session, submission_id)
    ) WITHOUT ROWID;
    CREATE TABLE snapshots (session INTEGER PRIMARY KEY, seq INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE TABLE purges (session INTEGER PRIMARY KEY);      -- deleted, but not yet emptied
    CREATE TABLE epochs (ordinal INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, started_at TEXT NOT NULL);
    CREATE TABLE epoch_starts (
        session INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,         -- the session's first position in that epoch
        PRIMARY KEY (session, ordinal)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE sessions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;      -- of its events, as of its row
    UPDATE sessions SET bytes = (SELECT coalesce(sum(length(data)), 0) FROM events WHERE session = key);
    CREATE TABLE spending (
        user_id TEXT NOT NULL,
        day TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        microdollars INTEGER NOT NULL,
        PRIMARY KEY (user_id, day)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE claims (                   -- by the session's name: they outlive it
        claim_id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        claimed_at TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX claims_by_session ON claims (session_id);
    """,
    """
    ALTER TABLE sessions ADD COLUMN exported INTEGER NOT NULL DEFAULT 0;   -- the seq up to which a copy is elsewhere
    """,
    """
    ALTER TABLE sessions ADD COLUMN files INTEGER NOT NULL DEFAULT 0;      -- bytes of its files, as measured last
    CREATE INDEX tombstones ON sessions (last_active_at) WHERE deleted = 1;
    """,
    """
    CREATE TABLE private (                  -- of an event, for the session alone; not WITHOUT ROWID: the data is large
        session INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (session, seq)
    );
    """,
    "CREATE TABLE instructions (user_id TEXT PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID;",  # to models, in new sessions
    "ALTER TABLE sessions ADD COLUMN listed TEXT NOT NULL DEFAULT '';",  # pinned, archived
    """
    CREATE TABLE stored (                   -- by each user, kept by the triggers: to add it up would take as long as all their sessions
        user_id TEXT PRIMARY KEY,
        sessions INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO stored SELECT user_id, count(*), sum(bytes + files) FROM sessions WHERE deleted = 0 GROUP BY user_id;
    CREATE TRIGGER stored_by_new AFTER INSERT ON sessions WHEN NEW.deleted = 0 BEGIN
        INSERT INTO stored VALUES (NEW.user_id, 1, NEW.bytes + NEW.files)
            ON CONFLICT DO UPDATE SET sessions = sessions + 1, bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER stored_changed AFTER UPDATE OF user_id, deleted, bytes, files ON sessions BEGIN
        UPDATE stored SET sessions = sessions - 1, bytes = bytes - OLD.bytes - OLD.files
            WHERE OLD.deleted = 0 AND user_id = OLD.user_id;
        INSERT INTO stored SELECT NEW.user_id, 1, NEW.bytes + NEW.files WHERE NEW.deleted = 0
            ON CONFLICT DO UPDATE SET sessions = sessions + 1, bytes = bytes + excluded.bytes;
    END;
    """,
)
"""Step i takes a file of version i to version i + 1."""

VERSION = len(STEPS)

_HEADER = struct.Struct(">16s H 10x I 28x I 4x I 28x")
"""Magic, page size, pages, user version, application id; see https://sqlite.org/fileformat2.html#the_database_header"""


def check_header(path: Path) -> bool:
    """Look at the file without opening it as a database; False if it is empty. Raises `Corrupt`, `SchemaTooNew`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
        wal = path.with_name(path.name + "-wal")
        has_wal = wal.exists() and wal.stat().st_size > 0
    except OSError as error:
        raise explain_os(error, path) from error
    if size == 0:
        return False
    if len(header) < _HEADER.size:
        raise Corrupt(path, f"it is cut off after {size} bytes")
    magic, page_size, pages, version, application = _HEADER.unpack(header)
    if magic != b"SQLite format 3\0":
        raise Corrupt(path, "it is not a database")
    if application not in (0, APPLICATION_ID):
        raise Corrupt(path, "it is another program's database")
    if version > VERSION:
        raise SchemaTooNew(path, version, VERSION)
    whole = pages * (65_536 if page_size == 1 else page_size)
    if size < whole and not has_wal:
        raise Corrupt(path, f"it is cut off after {size} of {whole} bytes")
    return True


def connect(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection to a file that exists; transactions are begun and ended by hand. Raises `Unavailable`, `Corrupt`, `sqlite3.Error`."""
    if not os.access(path, os.W_OK):
        # SQLite would open it for reading without a word.
        raise explain_os(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), path)
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")  # the first statement reads the schema
    except UnicodeDecodeError as error:
        # SQLite's message quotes what is damaged, and Python's sqlite3 takes every message for UTF-8.
        db.close()
        raise Corrupt(path, "malformed database schema") from error
    except sqlite3.Error:
        db.close()
        raise
    return db


def configure(db: sqlite3.Connection, path: Path) -> None:
    """Set up a connection that writes. Until `set_durability` each commit waits for the disk."""
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        why = "its file system cannot hold a write-ahead log: keep the data folder on a local disk"
        raise Unavailable(f"{path}: {why}", path)
    db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX:d}")
    db.execute(f"PRAGMA journal_size_limit = {LOG_PAGES_MAX * 4096:d}")


def set_durability(db: sqlite3.Connection, durability: Durability) -> None:
    """From here on a commit waits for the disk only if it is to outlive the machine."""
    db.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the file to `VERSION`, all steps or none. Raises `SchemaTooNew`, `Corrupt`."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise SchemaTooNew(path, version, VERSION)
    if version == VERSION:
        return
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise Corrupt(path, "it is another program's database")
    steps = "".join(STEPS[version:])
    db.executescript(
        f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )
    # Into the file itself, so that an older version sees it before it opens the file as a database.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_pages(db: sqlite3.Connection, path: Path) -> None:
    """Read every page and see that it is well formed: seconds for gigabytes. Raises `Corrupt`."""
    fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise Corrupt(path, fault)
