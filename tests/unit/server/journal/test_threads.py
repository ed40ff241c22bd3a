"""Writer thread: groups, bounds, and what it does between the groups."""

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from agent.util.tasks import TaskOwner
from server.journal import schema
from server.journal.base import PrivateRecord, Unavailable
from server.journal.settings import JournalSettings
from server.journal.sqlite import open_journal
from server.journal.statements import event_inserts
from server.journal.threads import Checkpointer
from tests.support.polling import eventually
from tests.unit.server.journal.builders import begin, item, texts
from tests.unit.server.journal.writer_process import ROOT


def count(folder: Path, what: str) -> int:
    db = sqlite3.connect(folder / "journal.db")
    try:
        return int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])
    finally:
        db.close()


async def until_purged(folder: Path) -> None:
    await eventually(lambda: not count(folder, "purges"), "an empty list of what is to be purged")


async def test_fifty_concurrent_appenders_share_commits(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    try:
        leases = [await begin(journal, f"s{i}") for i in range(50)]
        before = journal.commits
        for head in range(10):
            await asyncio.gather(*(journal.append(item(lease, head, "a")) for lease in leases))
        assert journal.commits - before <= 100
        for i in range(50):
            assert len(await texts(journal, f"s{i}")) == 10
    finally:
        await journal.aclose()


def test_events_that_conflict_end_their_transaction_so_that_no_statement_needs_copies_of_pages(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    db = schema.connect(path, 1.0)
    schema.configure(db, path)
    schema.migrate(db, path)
    db.execute("BEGIN IMMEDIATE")
    for statement, values in event_inserts([1, 1, 0, b"a"]):
        db.execute(statement, values)
    ((statement, values),) = event_inserts([2, 1, 0, b"a", 1, 1, 0, b"a"])
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement, values)
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM events").fetchone() == (0,)
    db.close()


async def test_a_full_queue_is_unavailable_until_it_is_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.call_queue.WAITING_MAX", 3)
    journal = await open_journal(tmp_path)
    try:
        lease = await begin(journal)
        results = await asyncio.gather(
            *(journal.append(item(lease, head, "a")) for head in range(5)), return_exceptions=True
        )
        assert [isinstance(result, Unavailable) for result in results] == [False] * 3 + [True] * 2
        await journal.append(item(lease, 3, "a"))
    finally:
        await journal.aclose()


async def test_a_group_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.threads.GROUP_MAX", 2)
    journal = await open_journal(tmp_path)
    try:
        lease = await begin(journal)
        before = journal.commits
        await asyncio.gather(*(journal.append(item(lease, head, "a")) for head in range(10)))
        assert journal.commits - before >= 5
    finally:
        await journal.aclose()


async def test_more_sessions_than_the_writer_caches_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.transactions.CACHED_SESSIONS_MAX", 2)
    journal = await open_journal(tmp_path)
    try:
        leases = [await begin(journal, f"s{i}") for i in range(10)]
        for head in range(3):
            await asyncio.gather(*(journal.append(item(lease, head, "a")) for lease in leases))
            for lease in leases:
                await journal.put_snapshot(lease, head + 1, b"")
        assert [len(await texts(journal, f"s{i}")) for i in range(10)] == [3] * 10
    finally:
        await journal.aclose()


async def test_a_deleted_sessions_data_is_removed_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.threads.PURGE_RECORDS", 10)
    journal = await open_journal(tmp_path)
    try:
        lease = await begin(journal, "s", *map(str, range(95)))
        await journal.put_snapshot(lease, 5, b"state")
        private = tuple(PrivateRecord(seq, b"sealed") for seq in range(96, 126))
        await journal.append(msgspec.structs.replace(item(lease, 95, *"x" * 30), private=private))
        await begin(journal, "t", "x")
        await journal.delete("s")
        await until_purged(tmp_path)
        assert count(tmp_path, "events") == 1
        assert count(tmp_path, "snapshots") == 0
        assert count(tmp_path, "private") == 0
        assert count(tmp_path, "sessions") == 2
    finally:
        await journal.aclose()


async def test_an_unfinished_removal_continues_at_the_next_start(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    await begin(journal, "s", *map(str, range(95)))
    await journal.delete("s")
    await until_purged(tmp_path)
    await journal.aclose()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("INSERT INTO events VALUES (1, 1, 0, x'')")
        db.execute("INSERT INTO purges VALUES (1)")
    db.close()
    journal = await open_journal(tmp_path)
    await until_purged(tmp_path)
    assert count(tmp_path, "events") == 0
    await journal.aclose()


@pytest.mark.parametrize("checkpoint_calls", [50, 10**9])
async def test_a_long_write_ahead_log_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint_calls: int
) -> None:
    monkeypatch.setattr("server.journal.threads.CHECKPOINT_CALLS", checkpoint_calls)
    monkeypatch.setattr("server.journal.schema.LOG_PAGES_MAX", 200)
    journal = await open_journal(tmp_path)
    log = tmp_path / "journal.db-wal"
    try:
        lease = await begin(journal)
        salt, anew, head = log.read_bytes()[16:24], 0, 0
        async with asyncio.timeout(30):
            while anew < 3:
                await journal.append(item(lease, head, "a"))
                head += 1
                with log.open("rb") as file:
                    header = file.read(32)
                anew += header[16:24] != salt
                salt = header[16:24]
        assert len(await texts(journal)) == head
    finally:
        await journal.aclose()


async def test_the_write_ahead_log_is_checkpointed_beside_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.journal.threads.CHECKPOINT_CALLS", 50)
    journal = await open_journal(tmp_path)
    try:
        lease = await begin(journal)
        size = (tmp_path / "journal.db").stat().st_size
        async with asyncio.timeout(20):
            head = 0
            while (tmp_path / "journal.db").stat().st_size == size:
                await journal.append(item(lease, head, "x" * 500))
                head += 1
    finally:
        await journal.aclose()


async def test_the_checkpointer_goes_on_after_it_could_not_open_the_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpointer = Checkpointer(tmp_path / "journal.db")
    checkpointer.start()
    try:
        with caplog.at_level(logging.WARNING, "holdfast.journal"):
            checkpointer.wake()
            await eventually(lambda: len(caplog.records) == 1)
            checkpointer.wake()
            await eventually(lambda: len(caplog.records) == 2)
    finally:
        checkpointer.stop()
    assert caplog.text.count("the journal's write-ahead log stays as it is") == 2


async def test_durability_power_works_the_same(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path, JournalSettings(durability="power"))
    try:
        lease = await begin(journal, "s", "a")
        await asyncio.gather(*(journal.append(item(lease, head, "b")) for head in range(1, 20)))
        assert len(await texts(journal)) == 20
    finally:
        await journal.aclose()


async def test_the_journals_threads_have_names_and_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    monkeypatch.setattr("server.journal.readers.READERS", 3)
    journal = await open_journal(tmp_path)
    threads = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("holdfast")}
    assert sorted(thread.name for thread in threads) == [
        "holdfast-journal-checkpointer",
        *["holdfast-journal-reader"] * 3,
        "holdfast-journal-writer",
    ]
    await journal.aclose()
    assert not threads & set(threading.enumerate())


async def test_closing_continues_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    tasks = TaskOwner("test")
    closing = tasks.start(journal.aclose(), "close")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert closing.cancelled()
    await journal.aclose()
    await (await open_journal(tmp_path)).aclose()


FORGET_TO_CLOSE = """
import asyncio, pathlib, sys
from agent.util.tasks import TaskOwner
from server.journal.sqlite import open_journal
from tests.unit.server.journal.builders import row

async def forget():
    journal = await open_journal(pathlib.Path(sys.argv[1]))
    TaskOwner("forgotten").start(journal.create(row()), "create")
    await asyncio.sleep(0)
    return journal

journal = asyncio.run(forget())
"""


def test_an_unclosed_journal_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORGET_TO_CLOSE, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert "Traceback" not in ended.stderr


async def test_the_log_of_many_sessions_stays_short_while_they_write_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of many sessions changes a page of each, and the log begins anew only where a checkpoint reaches its end."""
    monkeypatch.setattr("server.journal.threads.CHECKPOINT_CALLS", 100)
    monkeypatch.setattr("server.journal.schema.LOG_PAGES_MAX", 100_000)
    monkeypatch.setattr("server.journal.threads.FINISHED_PART", 200)
    journal = await open_journal(tmp_path)
    try:
        leases = [await begin(journal, f"s{number}") for number in range(30)]
        for head in range(200):
            await asyncio.gather(*(journal.append(item(lease, head, "x" * 300)) for lease in leases))
        assert (tmp_path / "journal.db-wal").stat().st_size < 3_000 * 4_096, "6,000 pages were written"
    finally:
        await journal.aclose()
