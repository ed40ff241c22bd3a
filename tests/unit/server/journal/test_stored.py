"""What users store: kept up to date by the database itself, so that to read it takes the same time with any number of sessions."""

import sqlite3
from contextlib import closing
from pathlib import Path

from server.journal.base import Stored
from server.journal.queries import stored
from server.journal.schema import APPLICATION_ID, STEPS
from server.journal.sqlite import open_journal
from tests.unit.server.journal.builders import NOON, begin, item, row

BEFORE = 8
"""The version in which it was added up from all sessions of a user."""

ADDED_UP = """
    SELECT user_id, count(*), sum(bytes + files) FROM sessions WHERE deleted = 0 GROUP BY user_id ORDER BY user_id
"""
KEPT = "SELECT user_id, sessions, bytes FROM stored WHERE sessions > 0 ORDER BY user_id"


def steps(db: sqlite3.Connection, user_id: str) -> int:
    """How many instructions of SQLite's machine it takes to read what the user stores."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    db.set_progress_handler(count, 1)
    stored(db, user_id)
    db.set_progress_handler(None, 1)
    return counted


async def test_it_is_what_adding_up_gives_after_each_change_of_sessions(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    lease = await begin(journal, "a")
    await journal.create(row("b"))
    await journal.create(row("c", user_id="bob"))
    await journal.append(item(lease, 0, "12345", "678", row=row("a")))
    await journal.files_measured("a", 100)
    await journal.files_measured("c", 7)
    await journal.append(item(lease, 2, "9", row=row("a", user_id="bob")))
    await journal.files_measured("a", 90)
    await journal.delete("b")
    found = [await journal.stored(user) for user in ("ann", "bob", "nobody")]
    await journal.aclose()
    assert found == [Stored(0, 0), Stored(2, 106), Stored(0, 0)]
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        assert db.execute(KEPT).fetchall() == db.execute(ADDED_UP).fetchall() == [("bob", 2, 106)]


async def test_a_database_of_the_version_before_is_added_up_once(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.executescript("".join(STEPS[:BEFORE]))
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {BEFORE};")
        db.execute("INSERT INTO meta VALUES ('id', 0)")
        columns = "session_id, term, term_head, deleted, user_id, title, model, created_at, last_active_at, message_count, state, pending_approval, unfinished, options, bytes, files"
        for name, deleted, user_id, size, files in (
            ("a", 0, "ann", 8, 3),
            ("b", 0, "ann", 1, 0),
            ("c", 0, "bob", 2, 0),
            ("d", 1, "", 0, 0),
        ):
            values = (name, 1, 0, deleted, user_id, "", "demo", NOON, NOON, 1, "idle", b"[]", 0, b"{}", size, files)
            db.execute(f"INSERT INTO sessions ({columns}) VALUES ({', '.join('?' * len(values))})", values)
        db.commit()
    journal = await open_journal(tmp_path)
    found = [await journal.stored(user) for user in ("ann", "bob", "")]
    await journal.aclose()
    assert found == [Stored(2, 12), Stored(1, 2), Stored(0, 0)]


async def test_it_is_read_in_as_many_steps_with_many_sessions(tmp_path: Path) -> None:
    taken: list[int] = []
    made = 0
    for count in (1, 200):
        journal = await open_journal(tmp_path)
        for number in range(made, count):
            await journal.create(row(f"s{number}"))
        made = count
        await journal.aclose()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            assert stored(db, "ann") == Stored(count, 0)
            taken.append(steps(db, "ann"))
    assert taken[0] == taken[1]
