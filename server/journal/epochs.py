"""Epochs: decides whether the last one continues, and records where each session stood when a new one began."""

import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from server.journal.mark import Mark

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_name() -> str:
    """A random name of 16 characters, for an epoch or a journal."""
    return secrets.token_hex(8)


def read_boot_id() -> str:
    """The machine's boot id; empty where the system has none. Two empty ids never count as the same boot."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def continues(db: sqlite3.Connection, mark: Mark | None, boot_id: str) -> bool:
    """Whether the database still holds everything that was ever stored in it, judged by its mark.

    It does if the last commit that the mark knows is there, and the machine has not gone down since or the stop was
    clean.
    """
    if mark is None or not (mark.clean or (boot_id != "" and mark.boot_id == boot_id)):
        return False
    journal_id, changes = db.execute("SELECT journal_id, changes FROM meta").fetchone()
    if (mark.journal_id, mark.epoch) != (journal_id, current(db)) or changes < mark.changes:
        return False
    if changes > mark.changes or not mark.last_session:
        return True
    last = db.execute("SELECT max(seq) FROM events WHERE session = ?", (mark.last_session,)).fetchone()
    return (last[0] or 0) >= mark.last_seq


def current(db: sqlite3.Connection) -> str:
    """The epoch that was begun last; empty if none was."""
    row = db.execute("SELECT epoch FROM epochs ORDER BY ordinal DESC LIMIT 1").fetchone()
    return str(row[0]) if row else ""


def begin(db: sqlite3.Connection) -> str:
    """Begin a new epoch, inside the caller's transaction: each session's first seq in it follows its head."""
    epoch = new_name()
    ordinal = db.execute(
        "INSERT INTO epochs (epoch, started_at) VALUES (?, ?) RETURNING ordinal",
        (epoch, datetime.now(UTC).isoformat(timespec="milliseconds")),
    ).fetchone()[0]
    db.execute(
        """
        INSERT INTO epoch_starts (session, ordinal, first_seq)
        SELECT key, ?, 1 + coalesce((SELECT max(seq) FROM events WHERE session = key), 0)
        FROM sessions WHERE deleted = 0
        """,
        (ordinal,),
    )
    return epoch
