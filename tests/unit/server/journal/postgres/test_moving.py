"""Moving a journal: into a database and back, every position and every byte stays as it was; cut short, nothing was moved."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from protocol import events as ev
from protocol.submissions import UserInput
from protocol.view import View
from server.cli.main import main
from server.journal import schema
from server.journal.backend import move_journal
from server.journal.base import Deleted, HeldClaim, Journal, JournalError, PrivateRecord, Record, Spent
from server.journal.data_dir import MARK
from server.journal.errors import Moved
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import open_postgres
from server.journal.postgres.moving.tables import TABLES
from server.journal.sqlite import open_journal
from tests.support.application import settings_for, with_journal
from tests.support.live import client, listening, same_view
from tests.support.models.scripted_model import ScriptedModel, text
from tests.unit.server.journal.builders import accepted, begin, item, row

Position = tuple[str, str, int]
NUL = "a \0 in the title, ß and 😀"


def quiet(what: str, count: int) -> None:
    """Progress that nobody watches."""


async def to(folder: Path, url: str) -> dict[str, int]:
    return await asyncio.to_thread(move_journal, folder, url, "", quiet)


async def back(folder: Path, url: str) -> dict[str, int]:
    return await asyncio.to_thread(move_journal, folder, "", url, quiet)


async def fill(journal: Journal, name: str) -> None:
    """Sessions with all that a journal keeps, whose ids begin with `name`."""
    lease = await journal.create(msgspec.structs.replace(row(f"{name} full"), title=NUL, user_id="ann"))
    told = msgspec.structs.replace(
        item(lease, 0, "one", "two", "three", "four", idempotency=(accepted("i\0d"),)),
        private=(PrivateRecord(2, b"\0private"),),
        spent=Spent("ann", "2026-11-30", 12, 34),
    )
    await journal.append(told)
    await journal.merge(lease, 2, 3, (Record(3, 2, b"two and three"),))
    await journal.files_measured(f"{name} full", 77)
    await journal.exported(f"{name} full", 3)
    await journal.claim(HeldClaim(f"claim {name}", f"{name} full", "ann", "job", "j-1", "2026-11-30T00:00:00.000Z"))
    await journal.instruct("ann", f"say {name}")
    await begin(journal, f"{name} deleted", "gone")
    await journal.delete(f"{name} deleted")
    await journal.create(row(f"{name} empty", unfinished=True))


async def known(journal: Journal, names: list[str], epochs: list[str]) -> dict[str, object]:
    """All that the interface tells, and which positions are good."""
    told: dict[str, object] = {}
    for name in names:
        for one in (f"{name} full", f"{name} empty"):
            stat = await journal.stat(one)
            told[one] = (
                stat,
                await journal.read(one, 0),
                await journal.read_private(one, 0, stat.head),
                await journal.answer(one, "i\0d"),
            )
            for epoch in epochs:
                for seq in range(stat.head + 2):
                    told[f"{one} {epoch} {seq}"] = await journal.good_position(one, epoch, seq)
        with pytest.raises(Deleted):
            await journal.stat(f"{name} deleted")
    told["claims"] = await journal.claims()
    told["spent"] = await journal.spent("ann", "2026-11-30")
    told["instructions"] = await journal.instructions("ann")
    told["stored"] = await journal.stored("ann")
    told["unfinished"] = await journal.unfinished()
    told["unexported"] = await journal.unexported(9)
    return told


async def test_everything_moves_into_a_database_and_back(tmp_path: Path, database: str) -> None:
    names, epochs = ["a"], []
    journal: Journal = await open_journal(tmp_path)
    await fill(journal, "a")
    await journal.aclose()
    (tmp_path / MARK).unlink()  # so that a new epoch begins
    journal = await open_journal(tmp_path)
    epochs.append(journal.epoch)
    await journal.append(item(await journal.acquire("a full"), 4, "five"))
    await fill(journal, "b")
    names.append("b")
    before = await known(journal, names, epochs)
    await journal.aclose()

    assert (await to(tmp_path, database))["sessions"] == 6
    with pytest.raises(Moved, match="holdfast migrate --from"):
        await open_journal(tmp_path)
    journal = await open_postgres(database)
    assert await known(journal, names, epochs) == before
    assert journal.epoch == epochs[-1]
    await journal.append(item(await journal.acquire("b full"), 4, "five"))
    await journal.aclose()
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE meta SET lineage = ''")
        connection.execute("SELECT nextval(pg_get_serial_sequence('epochs', 'ordinal'))")  # a gap
    journal = await open_postgres(database)
    epochs.append(journal.epoch)
    await journal.append(item(await journal.acquire("a full"), 5, "six"))
    await fill(journal, "c")
    names.append("c")
    before = await known(journal, names, epochs)
    await journal.aclose()

    assert (await back(tmp_path, database))["sessions"] == 9
    with pytest.raises(CannotStart, match="was moved to"):
        await open_postgres(database)
    journal = await open_journal(tmp_path)
    assert journal.epoch == epochs[-1]
    assert await known(journal, names, epochs) == before
    await fill(journal, "d")
    await journal.aclose()


async def test_clients_go_on_with_their_positions_after_each_move(tmp_path: Path, database: str) -> None:
    async with ScriptedModel([text("One."), text("Two."), text("Three.")]) as model:
        here = settings_for(tmp_path, model)
        there = with_journal(here, database)
        view: View | None = None
        position: dict[str, Any] = {}
        session_id = ""
        for settings, move in ((here, to), (there, back), (here, None)):
            async with (
                listening(settings) as live,
                client(live, session_id, view=view, **position) as talker,
            ):
                await talker.synced()
                assert not session_id or talker.ready.recovered
                await talker.send(UserInput(text="say"))
                await talker.until_type(ev.TurnComplete)
                view, position, session_id = talker.view, talker.position, talker.ready.session_id
                async with client(live, session_id, after=0) as other:
                    whole = (await other.synced()).view
                    whole.model = view.model
                    assert same_view(whole, view)
            if move is not None:
                await move(tmp_path, database)
        assert view is not None and len(view.messages) == 6


async def test_what_was_written_otherwise_is_found_and_nothing_was_moved(tmp_path: Path, database: str) -> None:
    journal = await open_journal(tmp_path)
    await fill(journal, "a")
    await journal.aclose()
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.data := 'other'; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER spoil BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION spoil()")
    try:
        with pytest.raises(JournalError, match="events of session 1"):
            await to(tmp_path, database)
    finally:
        with psycopg.connect(database) as connection:
            connection.execute("DROP FUNCTION spoil CASCADE")
    journal = await open_journal(tmp_path)
    assert await journal.spent("ann", "2026-11-30") == Spent("ann", "2026-11-30", 12, 34)
    await journal.aclose()
    assert (await to(tmp_path, database))["sessions"] == 3


async def test_sessions_are_never_mixed_and_nothing_in_use_is_moved(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await open_journal(tmp_path / "a")
    await begin(journal, "s", "one")
    with pytest.raises(JournalError, match="in use"):
        await to(tmp_path / "a", database)
    await journal.aclose()
    used = await open_postgres(database)
    with pytest.raises(JournalError, match="in use"):
        await to(tmp_path / "a", database)
    await begin(used, "t", "two")
    await used.aclose()
    with pytest.raises(JournalError, match="holds sessions already"):
        await to(tmp_path / "a", database)
    with pytest.raises(JournalError, match="a journal of its own"):
        await back(tmp_path / "a", database)
    await (await open_journal(tmp_path / "a")).aclose()
    monkeypatch.setenv("HOLDFAST_JOURNAL_URL", database)
    assert main(["token", "add", "ann", "--data", str(tmp_path / "b")]) == 0
    monkeypatch.delenv("HOLDFAST_JOURNAL_URL")
    assert main(["migrate", "--from", database, "--data", str(tmp_path / "b")]) == 0
    assert "moved and compared: 1 sessions, 1 events, 0 submissions" in capsys.readouterr().out
    assert main(["token", "list", "--data", str(tmp_path / "b")]) == 0
    assert " ann " in capsys.readouterr().out
    assert main(["migrate", "--to", "--data", str(tmp_path / "b")]) == 2
    assert "name the database" in capsys.readouterr().err
    assert main(["migrate", "--to", database, "--data", str(tmp_path / "c")]) == 2
    assert "no journal" in capsys.readouterr().err


DERIVED = {"head", "made_in", "deleted_at", "title_folded", "owner", "followed_at"}
"""Columns of a database's sessions that follow from the rest, or mean nothing once all servers have stopped."""
LEFT_OUT = {"meta", "stored", "snapshots", "nodes", "inbox", "credentials", "given"}
"""Tables of either journal whose rows are made again, or are not the journal's: who gets no answer to what waits in `inbox` sends it again."""


def test_every_column_of_both_journals_is_moved_or_known_to_be_left_out(database: str) -> None:
    moved = {table.name: set(table.columns) for table in TABLES}
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript("".join(schema.STEPS))
        here: dict[str, set[str]] = {}
        for name, column in db.execute(
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        ):
            here.setdefault(name, set()).add(column)
    there: dict[str, set[str]] = {}
    with psycopg.connect(database) as connection:
        for name, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        ):
            there.setdefault(name, set()).add(column)
    there["sessions"] -= DERIVED
    for tables in (here, there):
        assert {name: columns for name, columns in tables.items() if name not in LEFT_OUT} == moved
