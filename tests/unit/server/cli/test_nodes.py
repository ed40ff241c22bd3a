"""`holdfast nodes --new-epoch`: after a database was put back unseen, nobody's position is taken for one in what came later."""

from pathlib import Path

import psycopg
import pytest

from server.cli.main import main
from server.journal.postgres import lock
from server.journal.postgres.journal import open_postgres
from tests.unit.server.journal.builders import begin, item


async def test_a_new_epoch_by_hand_tells_clients_of_events_that_were_lost(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_JOURNAL_URL", database)
    monkeypatch.setattr(lock, "WAIT_S", 0.05)
    command = ["nodes", "--new-epoch", "--data", str(tmp_path)]
    journal = await open_postgres(database)
    await begin(journal, "s", "one", "two", "seen and lost")
    before = journal.epoch
    assert main(command) == 1
    assert "stop that server" in capsys.readouterr().err
    await journal.aclose()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM events WHERE seq = 3")
        connection.execute("UPDATE sessions SET head = 2")
    assert main(command) == 0
    journal = await open_postgres(database)
    assert journal.epoch != before and journal.epoch in capsys.readouterr().out
    await journal.append(item(await journal.acquire("s"), 2, "another"))
    assert [await journal.good_position("s", before, seq) for seq in (2, 3)] == [True, False]
    await journal.aclose()
