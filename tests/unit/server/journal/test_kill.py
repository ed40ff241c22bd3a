"""Killed server: nothing that was acknowledged is lost, and every client's position stays valid."""

import threading
from pathlib import Path

from server.journal.data_dir import FolderLock
from server.journal.sqlite import open_journal
from tests.unit.server.journal.builders import item, texts
from tests.unit.server.journal.writer_process import Elsewhere, text


async def test_a_kill_in_mid_append_loses_nothing_acknowledged_and_keeps_the_epoch(tmp_path: Path) -> None:
    head, epochs = 0, set()
    for appends in (1, 20, 150):
        with Elsewhere(tmp_path) as process:
            epochs.add(process.epoch)
            process.appended(appends)
            acknowledged = process.kill()
        journal = await open_journal(tmp_path, boot_id=lambda: "boot 1")
        try:
            epochs.add(journal.epoch)
            head = (await journal.stat("s")).head
            assert head >= acknowledged
            assert await texts(journal) == [text(seq) for seq in range(1, head + 1)]
            assert await journal.good_position("s", journal.epoch, head)
        finally:
            await journal.aclose()
    assert head >= 171
    assert len(epochs) == 1


async def test_after_a_kill_the_next_server_appends_where_it_ended(tmp_path: Path) -> None:
    with Elsewhere(tmp_path) as process:
        process.appended(5)
    journal = await open_journal(tmp_path, boot_id=lambda: "boot 1")
    try:
        lease = await journal.acquire("s")
        head = (await journal.stat("s")).head
        await journal.append(item(lease, head, "next"))
        assert (await texts(journal))[-1] == "next"
    finally:
        await journal.aclose()


async def test_a_machine_that_went_down_without_a_clean_stop_begins_a_new_epoch(tmp_path: Path) -> None:
    with Elsewhere(tmp_path) as process:
        process.appended(5)
    journal = await open_journal(tmp_path, boot_id=lambda: "boot 2")
    try:
        head = (await journal.stat("s")).head
        assert journal.epoch != process.epoch
        assert await journal.good_position("s", process.epoch, head)
        assert not await journal.good_position("s", process.epoch, head + 1)
        lease = await journal.acquire("s")
        await journal.append(item(lease, head, "next"))
        assert await journal.good_position("s", journal.epoch, head + 1)
        assert not await journal.good_position("s", process.epoch, head + 1)
    finally:
        await journal.aclose()


async def test_a_machine_without_a_boot_id_counts_as_another_after_each_kill(tmp_path: Path) -> None:
    with Elsewhere(tmp_path, boot_id="") as process:
        process.appended(1)
    journal = await open_journal(tmp_path, boot_id=lambda: "")
    await journal.aclose()
    assert journal.epoch != process.epoch


async def test_a_folder_that_a_killed_server_s_child_still_holds_is_waited_for(tmp_path: Path) -> None:
    with Elsewhere(tmp_path) as process:
        process.appended(5)
    held = FolderLock(tmp_path)
    child = threading.Timer(0.1, held.release)
    child.start()
    journal = await open_journal(tmp_path, boot_id=lambda: "boot 1")
    child.join()
    try:
        assert len(await texts(journal)) >= 5
    finally:
        await journal.aclose()
