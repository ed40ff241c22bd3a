"""Disk room: near its end, a disk takes nothing more but what makes room; at any other time it refuses nothing."""

import os
import struct
from pathlib import Path

import pytest

from server.util.disk_room import RESERVE_BYTES, DiskRoom, reserve

GIB = 2**30


def disk(free: int, total: int = 100 * GIB) -> os.statvfs_result:
    return os.statvfs_result((1, 1, total, free, free, 0, 0, 0, 0, 255))


def room(tmp_path: Path, free: int, *, pages: int = 0) -> DiskRoom:
    database = tmp_path / "journal.db"
    database.write_bytes(struct.pack(">16sH18xI", b"SQLite format 3", 4_096, pages))
    return DiskRoom(database, lambda _: disk(free))


@pytest.mark.parametrize("events", [True, False])
def test_work_is_refused_below_the_reserve_and_not_at_it(tmp_path: Path, events: bool) -> None:
    assert room(tmp_path, RESERVE_BYTES).refusal(events=events) == ""
    why = room(tmp_path, RESERVE_BYTES - 1).refusal(events=events)
    assert str(tmp_path / "journal.db") in why
    assert "the disk is full: free some space" in why
    assert f"{RESERVE_BYTES - 1} bytes left, and {RESERVE_BYTES} are kept" in why


def test_what_is_about_to_be_written_leaves_the_reserve_too(tmp_path: Path) -> None:
    one = room(tmp_path, RESERVE_BYTES + 1_000)
    assert one.refusal(events=False, size=1_000) == ""
    assert "1001 more are too many" in one.refusal(events=False, size=1_001)
    end = one.hold(600)
    assert one.refusal(events=False, size=401)
    end()
    assert one.refusal(events=False, size=401) == ""


def test_pages_that_deleted_events_left_are_room_for_events_and_not_for_files(tmp_path: Path) -> None:
    nearly = room(tmp_path, RESERVE_BYTES - 4_096, pages=1)
    assert nearly.refusal(events=True) == ""
    assert nearly.refusal(events=False)


def test_a_small_disk_keeps_a_twentieth() -> None:
    assert reserve(20_000_000) == 1_000_000
    assert reserve(100 * GIB) == RESERVE_BYTES


def test_a_disk_that_cannot_be_asked_refuses_nothing(tmp_path: Path) -> None:
    def broken(path: Path) -> os.statvfs_result:
        raise OSError("gone")

    assert DiskRoom(tmp_path / "journal.db", broken).refusal(events=True) == ""
