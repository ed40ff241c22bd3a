"""Journal contract, private records: stored with their event in one step, and read by nobody but their session's owner."""

import msgspec
import pytest

from server.journal.base import Conflict, Deleted, Journal, NotFound, PrivateRecord, Record, Stored
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import begin, item, row, texts


async def test_a_private_record_is_stored_with_its_event_and_read_apart(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "s", "a")
    private = (PrivateRecord(2, b"sealed \x00\xff"), PrivateRecord(4, b"more"))
    await journal.append(msgspec.structs.replace(item(lease, 1, "b", "c", "d"), private=private))
    journal = await reopen()
    assert await texts(journal) == ["a", "b", "c", "d"]
    assert await journal.read_private("s", 0, 4) == [*private]
    assert await journal.read_private("s", 2, 3) == []
    assert await journal.read_private("s", 2, 99) == [private[1]]


async def test_a_private_record_is_of_one_event_of_its_item(journal: Journal) -> None:
    lease = await begin(journal, "s", "a")
    for wrong in ((PrivateRecord(1, b"x"),), (PrivateRecord(3, b"x"),), (PrivateRecord(2, b"x"),) * 2):
        with pytest.raises(Conflict):
            await journal.append(msgspec.structs.replace(item(lease, 1, "b"), private=wrong))
    assert await texts(journal) == ["a"]
    assert await journal.read_private("s", 0, 9) == []


async def test_the_identical_item_again_is_a_retry_and_another_private_record_is_not(journal: Journal) -> None:
    lease = await begin(journal, "s")
    once = msgspec.structs.replace(item(lease, 0, "a"), private=(PrivateRecord(1, b"sealed"),))
    await journal.append(once)
    await journal.append(once)
    for other in ((), (PrivateRecord(1, b"another"),)):
        with pytest.raises(Conflict):
            await journal.append(msgspec.structs.replace(once, private=other))
    assert await journal.read_private("s", 0, 1) == [PrivateRecord(1, b"sealed")]


async def test_merging_events_leaves_their_private_records(journal: Journal) -> None:
    lease = await begin(journal, "s")
    await journal.append(msgspec.structs.replace(item(lease, 0, "a", "b"), private=(PrivateRecord(2, b"sealed"),)))
    await journal.merge(lease, 1, 2, (Record(2, 1, b"ab"),))
    assert await journal.read_private("s", 0, 2) == [PrivateRecord(2, b"sealed")]


async def test_private_records_count_as_stored_bytes_and_go_with_the_session(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "s")
    whole = msgspec.structs.replace(item(lease, 0, "12345", row=row("s")), private=(PrivateRecord(1, b"678"),))
    await journal.append(whole)
    assert await journal.stored("ann") == Stored(1, 8)
    cut_short = item(lease, 1, "12345", row=row("s", unfinished=True))
    await journal.append(msgspec.structs.replace(cut_short, private=(PrivateRecord(2, b"678"),)))
    journal = await reopen()
    await journal.acquire("s")
    assert await journal.stored("ann") == Stored(1, 16)
    await journal.delete("s")
    assert await journal.stored("ann") == Stored(0, 0)
    with pytest.raises(Deleted):
        await journal.read_private("s", 0, 9)
    with pytest.raises(NotFound):
        await journal.read_private("unknown", 0, 9)
