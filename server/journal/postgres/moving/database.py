"""Journal in a database: read to be moved, and written into tables that hold nothing yet."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from server.journal.base import JournalError
from server.journal.postgres import lineage
from server.journal.postgres.moving.tables import Row, Table
from server.journal.postgres.rows import fold
from server.journal.postgres.schema import Connection
from server.util.clock import rfc3339

_FETCHED = 200
"""Rows that are fetched at once: an event may have a megabyte."""

_ORDINALS = "(SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS n FROM epochs)"
"""Without the gaps that the database leaves when an epoch's beginning was undone."""
_SELECTS = {
    "epochs": f"SELECT o.n, e.epoch, e.started_at FROM epochs e JOIN {_ORDINALS} o USING (ordinal) ORDER BY o.n",
    "epoch_starts": f"""
        SELECT s.key, o.n, coalesce(
            (SELECT min(t.first_seq) FROM epoch_starts t WHERE t.session = s.key AND t.ordinal >= o.ordinal), s.head + 1
        ) FROM sessions s JOIN {_ORDINALS} o ON o.ordinal > s.made_in WHERE NOT s.deleted ORDER BY s.key, o.n
    """,
}
"""Here a start is stored only with what a session stores in an epoch: one that is missing is that of a later epoch, or follows the head."""
_EMPTY = """
    SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM claims) + (SELECT count(*) FROM spending)
        + (SELECT count(*) FROM instructions)
"""
_AFTERWARDS = (
    """
    UPDATE sessions s SET head = coalesce((SELECT max(seq) FROM events e WHERE e.session = s.key), 0),
        made_in = coalesce((SELECT min(ordinal) FROM epoch_starts t WHERE t.session = s.key) - 1, (SELECT max(ordinal) FROM epochs))
    """,
    "SELECT setval(pg_get_serial_sequence('sessions', 'key'), coalesce(max(key), 0) + 1, false) FROM sessions",
    "SELECT setval(pg_get_serial_sequence('epochs', 'ordinal'), coalesce(max(ordinal), 0) + 1, false) FROM epochs",
)


def check_empty(connection: Connection, where: str) -> None:
    """Raise `JournalError` if the tables hold anything that people made. An epoch that a start began is removed."""
    found = connection.execute(_EMPTY).fetchone()
    if found != (0,):
        raise JournalError(f"{where} holds sessions already: name an empty database, so that none are mixed up")
    for table in ("epoch_starts", "epochs"):
        connection.execute(f"DELETE FROM {table}".encode())


def read(connection: Connection, table: Table) -> Iterator[Row]:
    """The table's rows, in the order of its key, inside a transaction."""
    statement = _SELECTS.get(table.name)
    if statement is None:
        keys = "1, 2" if len(table.columns) > 1 else "1"
        extra = ", deleted_at" if table.name == "sessions" else ""
        statement = f"SELECT {', '.join(table.columns)}{extra} FROM {table.name} ORDER BY {keys}"
    with connection.cursor(name=f"move_{table.name}", binary=True) as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(statement.encode())
        for row in cursor:
            yield _given(table, row)


def write(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Copy rows into the table, inside a transaction."""
    columns, types = list(table.columns), list(table.types)
    if table.name == "sessions":
        columns += ["title_folded", "made_in", "deleted_at"]
        types += ["bytea", "int8", "timestamptz"]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(_stored(table, row))


def complete(connection: Connection) -> None:
    """Fill in what follows from the rows, and go on in the newest epoch."""
    for statement in _AFTERWARDS:
        connection.execute(statement.encode())
    connection.execute(
        "UPDATE meta SET lineage = %s, epoch = (SELECT max(ordinal) FROM epochs)", (lineage.look(connection)[0],)
    )


def _given(table: Table, row: Row) -> Row:
    """A row as both journals give it."""
    if table.name == "epochs":
        ordinal, epoch, started_at = row
        return ordinal, epoch, started_at.astimezone(UTC).isoformat(timespec="milliseconds")
    if table.name == "sessions":
        *columns, deleted_at = row
        named = dict(zip(table.columns, columns, strict=True))
        named["deleted"], named["unfinished"] = int(named["deleted"]), int(named["unfinished"])
        if deleted_at is not None:
            named["last_active_at"] = rfc3339(deleted_at.astimezone(UTC)).encode()
        return tuple(named.values())
    return row


def _stored(table: Table, row: Row) -> Row:
    """A row as it is stored here."""
    if table.name == "epochs":
        ordinal, epoch, started_at = row
        return ordinal, epoch, datetime.fromisoformat(started_at)
    if table.name == "sessions":
        named: dict[str, Any] = dict(zip(table.columns, row, strict=True))
        named["deleted"], named["unfinished"] = bool(named["deleted"]), bool(named["unfinished"])
        deleted_at = datetime.fromisoformat(named["last_active_at"].decode()) if named["deleted"] else None
        return (*named.values(), fold(named["title"].decode()), 0, deleted_at)
    return row
