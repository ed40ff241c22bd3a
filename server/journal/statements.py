"""Statements: the SQL that changes sessions and events, apart from the decisions that use it."""

import functools
from collections.abc import Iterator

from server.journal.base import SessionRow

ROW_COLUMNS = (
    "session_id, user_id, title, model, created_at, last_active_at, "
    "message_count, state, pending_approval, unfinished, options"
)
"""The columns of a `SessionRow` that are stored with it, in the order of its fields."""
READ_COLUMNS = f"{ROW_COLUMNS}, listed"
"""All columns of a `SessionRow`, in the order of its fields."""

HEAD = "coalesce((SELECT max(seq) FROM events WHERE session = key), 0)"

LOAD_SESSION = f"SELECT key, term, term_head, deleted, {HEAD}, bytes FROM sessions WHERE session_id = ?"
CREATE_SESSION = f"INSERT INTO sessions ({ROW_COLUMNS}, term, term_head, deleted) VALUES (?,?,?,?,?,?,?,?,?,?,?,1,0,0)"
UPDATE_ROW = """
    UPDATE sessions SET user_id = ?, title = ?, model = ?, created_at = ?, last_active_at = ?, message_count = ?,
        state = ?, pending_approval = ?, unfinished = ?, options = ?, bytes = ?
    WHERE key = ?
"""
ACQUIRE = "UPDATE sessions SET term = ?, term_head = ? WHERE key = ?"
COUNT_BYTES = """
    SELECT CASE unfinished WHEN 0 THEN bytes
        ELSE (SELECT coalesce(sum(length(data)), 0) FROM events WHERE session = key)
            + (SELECT coalesce(sum(length(data)), 0) FROM private WHERE session = key) END
    FROM sessions WHERE key = ?
"""
"""What was stored since the row was written last is counted anew where a turn was cut short."""
KEEP_BYTES = "UPDATE sessions SET bytes = ? WHERE key = ?"
STORED = "SELECT coalesce(sum(sessions), 0), coalesce(sum(bytes), 0) FROM stored WHERE user_id = ?"
SPEND = """
    INSERT INTO spending (user_id, day, tokens, microdollars) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens, microdollars = microdollars + excluded.microdollars
"""
SPENT = "SELECT tokens, microdollars FROM spending WHERE user_id = ? AND day = ?"
INSTRUCTIONS = "SELECT told FROM instructions WHERE user_id = ?"
INSTRUCT = "INSERT INTO instructions (user_id, told) VALUES (?, ?) ON CONFLICT DO UPDATE SET told = excluded.told"
CLAIM_COLUMNS = "claim_id, session_id, user_id, kind, detail, claimed_at"
"""The columns of a `HeldClaim`, in the order of its fields."""
CLAIM_OF = "SELECT session_id FROM claims WHERE claim_id = ?"
CLAIM = f"""
    INSERT INTO claims ({CLAIM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET user_id = excluded.user_id, kind = excluded.kind, detail = excluded.detail
"""
RELEASE_CLAIM = "DELETE FROM claims WHERE claim_id = ?"
EXPORTED = "UPDATE sessions SET exported = max(exported, ?) WHERE key = ?"
TOMBSTONE = """
    UPDATE sessions SET deleted = 1, bytes = 0, files = 0, last_active_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), user_id = '', title = '', model = '', message_count = 0, state = 'closed',
        pending_approval = x'', unfinished = 0, options = x'', listed = ''
    WHERE key = ?
"""
"""The tombstone's `last_active_at` is the time of the deletion."""
KEEP_FILES = "UPDATE sessions SET files = ? WHERE key = ?"
LIST_AS = "UPDATE sessions SET listed = ? WHERE key = ?"
TOMBSTONES = """
    SELECT key, session_id FROM sessions
    WHERE deleted = 1 AND last_active_at < ? AND key NOT IN (SELECT session FROM purges) ORDER BY last_active_at LIMIT ?
"""
FORGET = "DELETE FROM sessions WHERE key = ?"
LOAD_EVENTS = "SELECT seq, span, data FROM events WHERE session = ? AND seq BETWEEN ? AND ? ORDER BY seq"
BORDERS = "SELECT min(seq - span), max(seq), coalesce(sum(length(data)), 0) FROM events WHERE session = ? AND seq BETWEEN ? AND ?"
DELETE_EVENTS = "DELETE FROM events WHERE session = ? AND seq BETWEEN ? AND ?"
PURGE_EVENTS = """
    DELETE FROM events WHERE session = ? AND seq IN (SELECT seq FROM events WHERE session = ? ORDER BY seq LIMIT ?)
"""
PURGE_PRIVATE = """
    DELETE FROM private WHERE session = ? AND seq IN (SELECT seq FROM private WHERE session = ? ORDER BY seq LIMIT ?)
"""
PURGE_REST = (
    "DELETE FROM submissions WHERE session = ?",
    "DELETE FROM snapshots WHERE session = ?",
    "DELETE FROM epoch_starts WHERE session = ?",
    "DELETE FROM purges WHERE session = ?",
)
PUT_SNAPSHOT = "INSERT OR REPLACE INTO snapshots (session, seq, data) VALUES (?, ?, ?)"
LOAD_ANSWER = "SELECT digest, answer FROM submissions WHERE session = ? AND submission_id = ?"
PUT_ANSWER = "INSERT OR IGNORE INTO submissions (session, submission_id, digest, answer) VALUES (?, ?, ?, ?)"

PUT_PRIVATE = "INSERT INTO private (session, seq, data) VALUES (?, ?, ?)"
LOAD_PRIVATE = "SELECT seq, data FROM private WHERE session = ? AND seq BETWEEN ? AND ? ORDER BY seq"

EVENT_COLUMNS = 4
EVENTS_MAX = 64
"""Events that one statement inserts. Few large statements: each step of one gives up the interpreter lock, and a busy event loop
may keep it for a millisecond."""


EventValue = int | bytes | bytearray
"""A value of an event. Its data is a bytearray where it is small: for each `bytes` Python's sqlite3 looks for an adapter, which takes
longer than to copy it."""
COPIED_BYTES_MAX = 4_096


@functools.cache
def insert_events(count: int) -> str:
    """The statement that inserts so many events: the values of each are session, seq, span, data.

    With a conflict the whole transaction ends. To undo this statement alone SQLite would first write a copy of each page that it changes
    into a temporary file, which takes as long as the statement.
    """
    return f"INSERT OR ROLLBACK INTO events (session, seq, span, data) VALUES {', '.join(['(?,?,?,?)'] * count)}"


def event_inserts(values: list[EventValue]) -> Iterator[tuple[str, list[EventValue]]]:
    """Statements that insert events, given as session, seq, span, data, session, ... one after another."""
    width = EVENTS_MAX * EVENT_COLUMNS
    for at in range(0, len(values), width):
        part = values[at : at + width] if len(values) > width else values
        yield insert_events(len(part) // EVENT_COLUMNS), part


def row_values(row: SessionRow) -> tuple[str | int | bytes, ...]:
    """The values of `ROW_COLUMNS`."""
    return (
        row.session_id,
        row.user_id,
        row.title,
        row.model,
        row.created_at,
        row.last_active_at,
        row.message_count,
        row.state,
        row.pending_approval,
        row.unfinished,
        row.options,
    )
