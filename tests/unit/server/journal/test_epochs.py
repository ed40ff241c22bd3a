"""Epochs: when one ends, and which positions of an older one stay valid."""

import shutil
from pathlib import Path

import pytest

from server.journal.sqlite import SqliteJournal, open_journal
from tests.unit.server.journal.builders import begin, item


async def opened(folder: Path, boot_id: str = "boot 1") -> SqliteJournal:
    return await open_journal(folder, boot_id=lambda: boot_id)


async def grow(folder: Path, events: int) -> str:
    """Append to session `s`, made if need be, in a run of its own; the run's epoch."""
    journal = await opened(folder)
    if not await journal.list():
        await begin(journal)
    lease = await journal.acquire("s")
    head = (await journal.stat("s")).head
    for seq in range(head, head + events):
        await journal.append(item(lease, seq, f"{journal.epoch} {seq}"))
    await journal.aclose()
    return journal.epoch


async def test_a_clean_stop_keeps_the_epoch_over_a_reboot(tmp_path: Path) -> None:
    epoch = await grow(tmp_path, 3)
    journal = await opened(tmp_path, "boot 2")
    await journal.aclose()
    assert journal.epoch == epoch


async def test_a_restored_copy_begins_a_new_epoch_and_refuses_lost_positions(
    tmp_path: Path,
) -> None:
    first = await grow(tmp_path, 10)
    shutil.copy(tmp_path / "journal.db", tmp_path / "backup")
    assert await grow(tmp_path, 10) == first
    shutil.copy(tmp_path / "backup", tmp_path / "journal.db")

    journal = await opened(tmp_path)
    try:
        assert journal.epoch != first
        assert (await journal.stat("s")).head == 10
        assert [await journal.good_position("s", first, seq) for seq in (1, 10, 11, 20)] == [True, True, False, False]
        lease = await journal.acquire("s")
        for head in range(10, 30):
            await journal.append(item(lease, head, "other"))
        assert [await journal.good_position("s", first, seq) for seq in (0, 10, 11, 20)] == [True, True, False, False]
        assert [await journal.good_position("s", journal.epoch, seq) for seq in (1, 11, 30, 31)] == [True] * 3 + [False]
    finally:
        await journal.aclose()


async def test_a_copy_older_by_one_event_is_noticed(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "backup"
    journal = await opened(folder)
    lease = await begin(journal, "s", "a")
    await journal.aclose()
    shutil.copy(folder / "journal.db", copy)
    journal = await opened(folder)
    await journal.append(item(lease, 1, "b"))
    await journal.aclose()
    shutil.copy(copy, folder / "journal.db")
    after = await opened(folder)
    await after.aclose()
    assert after.epoch != journal.epoch


async def test_a_copy_from_before_a_session_was_made_or_deleted_is_noticed(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "backup"
    epochs = []
    for session_id in ("s", "t"):
        journal = await opened(folder)
        await begin(journal, session_id)
        await journal.aclose()
        shutil.copy(folder / "journal.db", copy)
        journal = await opened(folder)
        await (journal.delete("s") if session_id == "s" else begin(journal, "u"))
        await journal.aclose()
        shutil.copy(copy, folder / "journal.db")
        epochs.append(journal.epoch)
    journal = await opened(folder)
    await journal.aclose()
    assert len({*epochs, journal.epoch}) == 3


async def test_a_restored_folder_begins_a_new_epoch(tmp_path: Path) -> None:
    """The mark in the copy agrees with the database in the copy; that it is a copy is what tells."""
    folder, copy = tmp_path / "data", tmp_path / "backup"
    epoch = await grow(folder, 5)
    shutil.copytree(folder, copy)
    await grow(folder, 5)
    shutil.move(folder, tmp_path / "lost")
    shutil.copytree(copy, folder)
    journal = await opened(folder)
    try:
        assert journal.epoch != epoch
        assert await journal.good_position("s", epoch, 5)
        assert not await journal.good_position("s", epoch, 6)
    finally:
        await journal.aclose()


async def test_a_copy_that_was_used_elsewhere_begins_a_new_epoch(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    first = await grow(here, 5)
    there.mkdir()
    shutil.copy(here / "journal.db", there / "journal.db")
    second = await grow(there, 20)
    assert await grow(here, 5) == first
    shutil.copy(there / "journal.db", here / "journal.db")
    journal = await opened(here)
    try:
        assert len({first, second, journal.epoch}) == 3
        assert [await journal.good_position("s", first, seq) for seq in (5, 6, 10)] == [True, False, False]
        assert [await journal.good_position("s", second, seq) for seq in (5, 6, 25)] == [True, True, True]
    finally:
        await journal.aclose()


@pytest.mark.parametrize("mark", [None, b"", b"short", b"x" * 128, b"HFMARK99" + bytes(120)])
async def test_without_a_trustworthy_mark_a_new_epoch_begins(tmp_path: Path, mark: bytes | None) -> None:
    epoch = await grow(tmp_path, 5)
    path = tmp_path / "journal.mark"
    if mark is None:
        path.unlink()
    else:
        path.write_bytes(mark)
    journal = await opened(tmp_path)
    try:
        assert journal.epoch != epoch
        assert await journal.good_position("s", epoch, 5)
    finally:
        await journal.aclose()
    again = await opened(tmp_path)
    await again.aclose()
    assert again.epoch == journal.epoch


async def test_a_session_made_in_a_later_epoch_had_no_position_in_an_earlier_one(tmp_path: Path) -> None:
    first = await grow(tmp_path, 1)
    (tmp_path / "journal.mark").unlink()
    journal = await opened(tmp_path)
    try:
        await begin(journal, "t", "a", "b")
        assert not await journal.good_position("t", first, 1)
        assert await journal.good_position("t", journal.epoch, 1)
        assert await journal.good_position("s", first, 1)
    finally:
        await journal.aclose()


async def test_positions_hold_over_several_epochs_of_which_each_lost_something(tmp_path: Path) -> None:
    epochs, copies = [], []
    for round_ in range(3):
        epochs.append(await grow(tmp_path, 10))
        copies.append(tmp_path / f"copy{round_}")
        shutil.copy(tmp_path / "journal.db", copies[-1])
        assert await grow(tmp_path, 5) == epochs[-1]
        shutil.copy(copies[-1], tmp_path / "journal.db")
    journal = await opened(tmp_path)
    try:
        for round_, epoch in enumerate(epochs):
            end = 10 * (round_ + 1)
            assert await journal.good_position("s", epoch, end)
            assert not await journal.good_position("s", epoch, end + 1)
        assert len({*epochs, journal.epoch}) == 4
    finally:
        await journal.aclose()
