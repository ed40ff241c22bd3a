"""Disk errors: a disk that is full, broken or locked by another program is reported clearly, and work goes on when the cause is gone."""

import asyncio
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.journal.base import Unavailable
from server.journal.sqlite import open_journal
from tests.unit.server.journal.builders import begin, item, texts

BIG = "x" * 20_000


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Writes past `size` bytes of a file fail, in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_is_reported_and_appends_work_again_when_there_is_space(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    journal = await open_journal(small_disk / "data")
    try:
        lease = await begin(journal)
        message, stored = "", 0
        while not message:
            try:
                await journal.append(item(lease, stored, BIG))
                stored += 1
            except Unavailable as error:
                message = str(error)
        assert str(small_disk / "data" / "journal.db") in message
        assert "disk is full" in message
        assert await texts(journal) == [BIG] * stored
        for _ in range(3):
            with pytest.raises(Unavailable):
                await journal.append(item(lease, stored, BIG))
        ballast.unlink()
        await journal.append(item(lease, stored, BIG))
        assert await texts(journal) == [BIG] * (stored + 1)
    finally:
        await journal.aclose()
    again = await open_journal(small_disk / "data")
    assert again.epoch == journal.epoch
    assert len(await texts(again)) == stored + 1
    await again.aclose()


async def test_a_journal_on_a_full_disk_is_reported_and_can_be_made_later(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(2_000_000))
    with pytest.raises(Unavailable, match="full"):
        await open_journal(small_disk / "data")
    ballast.unlink()
    journal = await open_journal(small_disk / "data")
    await begin(journal, "s", "a")
    await journal.aclose()


async def test_after_a_failed_write_the_same_append_again_is_safe(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    try:
        lease = await begin(journal, "s", "a")
        with files_no_larger_than((tmp_path / "journal.db-wal").stat().st_size + 10_000):
            with pytest.raises(Unavailable, match=r"journal\.db") as refused:
                await journal.append(item(lease, 1, BIG))
            assert refused.value.path == tmp_path / "journal.db"
            assert await texts(journal) == ["a"]
        await journal.append(item(lease, 1, BIG))
        await journal.append(item(lease, 1, BIG))
        assert await texts(journal) == ["a", BIG]
    finally:
        await journal.aclose()


async def test_a_failed_write_is_reported_to_every_waiting_append(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    try:
        leases = [await begin(journal, f"s{i}") for i in range(20)]
        items = [item(lease, 0, BIG) for lease in leases]
        with files_no_larger_than((tmp_path / "journal.db-wal").stat().st_size + 10_000):
            results = await asyncio.gather(*map(journal.append, items), return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        await asyncio.gather(*map(journal.append, items))
        assert [len(await texts(journal, f"s{i}")) for i in range(20)] == [1] * 20
    finally:
        await journal.aclose()


async def test_a_locked_journal_is_reported_and_works_again_when_it_is_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.journal.schema.BUSY_TIMEOUT_S", 0.05)
    journal = await open_journal(tmp_path)
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    try:
        lease = await begin(journal, "s", "a")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await journal.append(item(lease, 1, "b"))
        assert await texts(journal) == ["a"]
        other.execute("ROLLBACK")
        await journal.append(item(lease, 1, "b"))
        assert await texts(journal) == ["a", "b"]
    finally:
        other.close()
        await journal.aclose()


async def test_a_stop_without_a_working_disk_ends_and_loses_nothing(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    lease = await begin(journal)
    for head in range(20):
        await journal.append(item(lease, head, BIG))
    with files_no_larger_than((tmp_path / "journal.db").stat().st_size):
        await journal.aclose()
    again = await open_journal(tmp_path)
    assert again.epoch == journal.epoch
    assert await texts(again) == [BIG] * 20
    await again.aclose()
