"""Journal contract, sessions: rows, deletion, merging, snapshots, positions over restarts, closing."""

import asyncio
from collections.abc import Awaitable

import msgspec
import pytest

from agent.util.tasks import TaskOwner
from server.journal.base import (
    Conflict,
    Deleted,
    Fenced,
    Journal,
    Lease,
    NotFound,
    Record,
    Unavailable,
)
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import accepted, begin, item, records, row, texts

# ---------------------------------------------------------------------------------------------------- sessions' rows


async def test_a_new_session_has_its_row_and_no_events(journal: Journal) -> None:
    lease = await journal.create(row())
    stat = await journal.stat("s")
    assert (stat.head, stat.term, stat.row, stat.epoch) == (0, lease.term, row(), journal.epoch)
    assert await journal.read("s", 0) == []


async def test_a_session_is_created_once(journal: Journal) -> None:
    results = await asyncio.gather(*(journal.create(row()) for _ in range(3)), return_exceptions=True)
    assert [isinstance(result, Conflict) for result in results] == [False, True, True]


async def test_an_append_may_replace_the_row(journal: Journal) -> None:
    lease = await begin(journal)
    changed = msgspec.structs.replace(
        row(unfinished=True), title="new", message_count=9, state="running", pending_approval=b"[]", options=b"{}"
    )
    await journal.append(item(lease, 0, "a", row=changed))
    assert (await journal.stat("s")).row == changed
    await journal.append(item(lease, 1, row=row()))
    assert (await journal.stat("s")).row == row()


async def test_the_row_of_another_session_is_a_conflict(journal: Journal) -> None:
    lease = await begin(journal)
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a", row=row("t")))


async def test_unfinished_sessions_are_listed(journal: Journal, reopen: Reopen) -> None:
    lease = await begin(journal, "s")
    await begin(journal, "t")
    assert await journal.unfinished() == []
    await journal.append(item(lease, 0, "a", row=row(unfinished=True)))
    assert await journal.unfinished() == ["s"]
    assert await (await reopen()).unfinished() == ["s"]


async def test_an_unknown_session_is_not_found(journal: Journal) -> None:
    for call in every_call(journal, Lease("nowhere", 1)):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(NotFound):
        await journal.delete("nowhere")


# -------------------------------------------------------------------------------------------------------- deletion


def every_call(journal: Journal, lease: Lease) -> list[Awaitable[object]]:
    session_id = lease.session_id
    return [
        journal.append(item(lease, 1, "b")),
        journal.append(item(lease, 0, "a")),
        journal.read(session_id, 0),
        journal.read(session_id, 99),
        journal.stat(session_id),
        journal.answer(session_id, "one"),
        journal.snapshot(session_id),
        journal.put_snapshot(lease, 0, b""),
        journal.acquire(session_id),
        journal.merge(lease, 1, 1, records(0, "a")),
        journal.good_position(session_id, journal.epoch, 1),
    ]


async def test_after_a_delete_every_call_raises_deleted(journal: Journal, reopen: Reopen) -> None:
    lease = await begin(journal, "s")
    await journal.append(item(lease, 0, "a", idempotency=(accepted("one"),), row=row(unfinished=True)))
    await journal.put_snapshot(lease, 1, b"state")
    await journal.delete("s")
    for opened in (journal, None):
        current = opened or await reopen()
        for call in (*every_call(current, lease), current.create(row())):
            with pytest.raises(Deleted):
                await call
        assert await current.list() == []
        assert await current.unfinished() == []
        await current.delete("s")


async def test_a_delete_removes_only_its_own_session(journal: Journal) -> None:
    await begin(journal, "before", "x")
    await begin(journal, "s", *map(str, range(2500)))
    await begin(journal, "behind", "y")
    await journal.delete("s")
    assert await texts(journal, "before") == ["x"]
    assert await texts(journal, "behind") == ["y"]
    assert {found.row.session_id for found in await journal.list()} == {"before", "behind"}


async def test_an_append_that_meets_a_delete_is_stored_before_it_or_refused(journal: Journal) -> None:
    lease = await begin(journal)

    async def append(head: int) -> None:
        await journal.append(item(lease, head, "a"))

    before, after = [append(head) for head in range(5)], [append(head) for head in range(5, 10)]
    results = await asyncio.gather(*before, journal.delete("s"), *after, return_exceptions=True)
    assert results[:6] == [None] * 6
    assert all(isinstance(result, Deleted) for result in results[6:])


# ------------------------------------------------------------------------------------------------------------ merge


async def test_a_merged_record_replaces_its_parts(journal: Journal) -> None:
    lease = await begin(journal, "s", *"abcde")
    await journal.merge(lease, 2, 4, (Record(4, 2, b"bcd"),))
    assert await journal.read("s", 0) == [Record(1, 1, b"a"), Record(4, 2, b"bcd"), Record(5, 5, b"e")]
    assert (await journal.stat("s")).head == 5
    await journal.append(item(lease, 5, "f"))


async def test_a_position_inside_a_merged_record_gets_that_record_whole(journal: Journal) -> None:
    lease = await begin(journal, "s", *"abcde")
    await journal.merge(lease, 2, 4, (Record(4, 2, b"bcd"),))
    for after in (1, 2, 3):
        assert [record.seq for record in await journal.read("s", after)] == [4, 5]
    assert [record.seq for record in await journal.read("s", 4)] == [5]
    for through in (2, 3, 4):
        assert [record.seq for record in await journal.read("s", 0, through=through)] == [1, 4]
    assert [record.seq for record in await journal.read("s", 2, through=3)] == [4]


async def test_events_may_be_appended_and_merged_in_one_group(journal: Journal) -> None:
    lease = await begin(journal, "s", "a")
    await asyncio.gather(
        journal.append(item(lease, 1, "b", "c")),
        journal.merge(lease, 1, 3, (Record(3, 1, b"abc"),)),
        journal.append(item(lease, 3, "d")),
    )
    assert await texts(journal) == ["abc", "d"]


async def test_merged_records_may_be_merged_again(journal: Journal) -> None:
    lease = await begin(journal, "s", *"abcdef")
    await journal.merge(lease, 1, 2, (Record(2, 1, b"ab"),))
    await journal.merge(lease, 4, 6, (Record(5, 4, b"de"), Record(6, 6, b"f")))
    await journal.merge(lease, 1, 6, (Record(6, 1, b"abcdef"),))
    assert await journal.read("s", 0) == [Record(6, 1, b"abcdef")]


async def test_a_merge_must_lie_on_borders_of_records(journal: Journal) -> None:
    lease = await begin(journal, "s", *"abcdef")
    await journal.merge(lease, 2, 4, (Record(4, 2, b"bcd"),))
    for lo, hi in ((1, 2), (1, 3), (3, 4), (4, 5), (3, 3), (6, 7), (7, 8), (0, 1)):
        with pytest.raises(Conflict):
            await journal.merge(lease, lo, hi, (Record(hi, lo, b"x"),))
    assert await texts(journal) == ["a", "bcd", "e", "f"]


@pytest.mark.parametrize(
    "replacing",
    [
        (),
        (Record(3, 1, b"x"),),
        (Record(4, 2, b"x"),),
        (Record(5, 1, b"x"),),
        (Record(2, 1, b"x"), Record(4, 4, b"x")),
        (Record(3, 1, b"x"), Record(4, 3, b"x")),
    ],
)
async def test_a_merge_must_cover_exactly_what_it_replaces(journal: Journal, replacing: tuple[Record, ...]) -> None:
    lease = await begin(journal, "s", *"abcdef")
    with pytest.raises(Conflict):
        await journal.merge(lease, 1, 4, replacing)
    assert await texts(journal) == list("abcdef")


async def test_a_merge_of_an_older_term_is_fenced(journal: Journal) -> None:
    lease = await begin(journal, "s", *"ab")
    await journal.acquire("s")
    with pytest.raises(Fenced):
        await journal.merge(lease, 1, 2, (Record(2, 1, b"ab"),))


async def test_a_reader_never_sees_half_of_a_merge(journal: Journal) -> None:
    lease = await begin(journal, "s", *("x" for _ in range(200)))
    tasks = TaskOwner("test")

    async def merge() -> None:
        for size in (2, 5, 10, 20, 50, 100, 200):
            for lo in range(1, 201, size):
                hi = lo + size - 1
                parts = tuple(Record(seq, seq, b"x") for seq in range(lo, hi + 1))
                await journal.merge(lease, lo, hi, (Record(hi, lo, b"x" * size),))
                await journal.merge(lease, lo, hi, parts)

    merging = tasks.start(merge(), "merge")
    while not merging.done():
        after = 0
        for record in await journal.read("s", 0):
            assert record.first_seq == after + 1
            assert len(record.data) == record.seq - after
            after = record.seq
        assert after == 200
    await merging


# -------------------------------------------------------------------------------------------------------- snapshots


async def test_the_last_snapshot_is_kept(journal: Journal) -> None:
    lease = await begin(journal, "s", "a", "b")
    assert await journal.snapshot("s") is None
    await journal.put_snapshot(lease, 1, b"after a")
    await journal.put_snapshot(lease, 2, b"after b")
    assert await journal.snapshot("s") == (2, b"after b")


async def test_a_snapshot_past_the_head_or_of_an_older_term_is_refused(journal: Journal) -> None:
    lease = await begin(journal, "s", "a")
    with pytest.raises(Conflict):
        await journal.put_snapshot(lease, 2, b"")
    await journal.acquire("s")
    with pytest.raises(Fenced):
        await journal.put_snapshot(lease, 1, b"")
    assert await journal.snapshot("s") is None


# -------------------------------------------------------------------------------------------- positions and restarts


async def test_positions_up_to_the_head_are_good(journal: Journal) -> None:
    await begin(journal, "s", "a", "b")
    assert [await journal.good_position("s", journal.epoch, seq) for seq in (0, 1, 2, 3)] == [True, True, True, False]
    assert not await journal.good_position("s", journal.epoch, -1)


async def test_position_zero_is_good_in_any_epoch_and_no_other_without_a_known_one(journal: Journal) -> None:
    await begin(journal, "s", "a")
    assert await journal.good_position("s", "", 0)
    assert await journal.good_position("s", "never heard of", 0)
    assert not await journal.good_position("s", "", 1)
    assert not await journal.good_position("s", "never heard of", 1)


async def test_a_clean_restart_keeps_everything_and_the_epoch(journal: Journal, reopen: Reopen) -> None:
    lease = await begin(journal, "s", *"abc")
    await journal.append(item(lease, 3, "d", idempotency=(accepted("one"),)))
    await journal.merge(lease, 1, 3, (Record(3, 1, b"abc"),))
    await journal.put_snapshot(lease, 4, b"state")
    epoch, stat = journal.epoch, await journal.stat("s")
    after = await reopen()
    assert after.epoch == epoch
    assert await after.stat("s") == stat
    assert await texts(after) == ["abc", "d"]
    assert await after.answer("s", "one") == accepted("one")
    assert await after.snapshot("s") == (4, b"state")
    assert await after.good_position("s", epoch, 4)
    await after.append(item(lease, 4, "e"))


# -------------------------------------------------------------------------------------------------------- the end


async def test_closing_finishes_waiting_calls(journal: Journal, reopen: Reopen) -> None:
    lease = await begin(journal)
    tasks = TaskOwner("test")
    appends = [journal.append(item(lease, head, str(head))) for head in range(50)]
    reading = tasks.start(journal.read("s", 0), "read")
    await asyncio.sleep(0)
    await journal.aclose()
    assert await asyncio.gather(*appends) == [None] * 50
    await reading
    assert len(await texts(await reopen())) == 50


async def test_a_closed_journal_is_unavailable(journal: Journal) -> None:
    lease = await begin(journal)
    await journal.aclose()
    for call in every_call(journal, lease):
        with pytest.raises(Unavailable):
            await call


async def test_closing_again_or_twice_at_once_does_nothing(journal: Journal) -> None:
    await asyncio.gather(journal.aclose(), journal.aclose())
    await journal.aclose()


async def test_a_session_that_was_released_is_acquired_under_the_next_term(journal: Journal) -> None:
    lease = await begin(journal, "s", "one")
    await journal.release(lease)
    later = await journal.acquire("s")
    assert later.term == lease.term + 1
    await journal.release(lease)
    await journal.append(item(later, 1, "two"))
    assert await texts(journal) == ["one", "two"]
