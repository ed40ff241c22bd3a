"""Moved tables: what both journals store, and digests by which it is seen that both hold the same."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

Row = tuple[Any, ...]
Progress = Callable[[str, int], None]
"""Called with a table and how many of its rows are done, now and then."""

EACH = 500
"""Rows after which progress is told."""


class Table(NamedTuple):
    """A table. `types`: of its columns, in PostgreSQL's words. `by_session`: the first column is the session's number."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    by_session: bool = True


def _table(name: str, columns: str, *, by_session: bool = True) -> Table:
    """`columns`: each with its type."""
    pairs = [column.split() for column in columns.split(",")]
    return Table(name, tuple(name for name, _ in pairs), tuple(kind for _, kind in pairs), by_session)


TABLES = (
    _table("epochs", "ordinal int8, epoch bytea, started_at timestamptz", by_session=False),
    _table(
        "sessions",
        "key int8, session_id bytea, term int8, term_head int8, deleted bool, bytes int8, files int8, exported int8, user_id bytea, "
        "title bytea, model bytea, created_at bytea, last_active_at bytea, message_count int8, state bytea, "
        "pending_approval bytea, unfinished bool, options bytea, listed bytea",
    ),
    _table("events", "session int8, seq int8, span int8, data bytea"),
    _table("private", "session int8, seq int8, data bytea"),
    _table("submissions", "session int8, submission_id bytea, digest bytea, answer bytea"),
    _table("purges", "session int8"),
    _table("epoch_starts", "session int8, ordinal int8, first_seq int8"),
    _table("spending", "user_id bytea, day bytea, tokens int8, microdollars int8", by_session=False),
    _table("instructions", "user_id bytea, told bytea", by_session=False),
    _table(
        "claims",
        "claim_id bytea, session_id bytea, user_id bytea, kind bytea, detail bytea, claimed_at bytea",
        by_session=False,
    ),
)
"""In the order in which they are moved. Snapshots are left out: they are made again. In a deleted session's row `last_active_at` is the
time of its deletion. A session has a start in each epoch that began after it was made."""


class Digests:
    """The digests of rows as they pass: by table and session (0: of all sessions, or of none), and how many rows each table has."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.found: dict[tuple[str, int], bytes] = {}

    def over(self, table: Table, rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
        """The same rows, which are in order of their sessions."""
        count, session, running = 0, 0, hashlib.sha256()
        for row in rows:
            if table.by_session and row[0] != session:
                self._close(table, session, running, count)
                session, running = row[0], hashlib.sha256()
            running.update(msgspec.msgpack.encode(row))
            count += 1
            if count % EACH == 0:
                progress(table.name, count)
            yield row
        self._close(table, session, running, count)
        self.counts[table.name] = count
        progress(table.name, count)

    def pass_over(self, table: Table, rows: Iterable[Row], progress: Progress) -> None:
        """Only read the rows."""
        for _ in self.over(table, rows, lambda name, count: progress(f"compared: {name}", count)):
            pass

    def _close(self, table: Table, session: int, running: "hashlib._Hash", count: int) -> None:
        if count:
            self.found[table.name, session] = running.digest()

    def differences(self, other: "Digests") -> list[str]:
        """Where the two differ: each a table, or a session by its number in one."""
        places = sorted(self.found.keys() | other.found.keys())
        differing = [place for place in places if self.found.get(place) != other.found.get(place)]
        return [f"{name} of session {session}" if session else name for name, session in differing]
