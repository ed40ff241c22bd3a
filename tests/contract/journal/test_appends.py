"""Journal contract, appends: order, retries, terms and submissions."""

import asyncio

import msgspec
import pytest

from agent.util.tasks import TaskOwner
from server.journal.base import (
    AlreadyAnswered,
    AppendItem,
    Conflict,
    Fenced,
    Journal,
    JournalError,
    Lease,
    Record,
)
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import accepted, begin, item, records, row, texts

# ------------------------------------------------------------------------------------------------- append and read


async def test_an_appended_event_is_read_back_byte_for_byte(journal: Journal) -> None:
    lease = await journal.create(row())
    data = b'{"type":"error","message":"\xc3\xa9\x00\xff"}'
    await journal.append(AppendItem(lease, 0, (Record(1, 1, data),)))
    assert await journal.read("s", 0) == [Record(1, 1, data)]


async def test_events_are_read_in_order_from_a_position(journal: Journal) -> None:
    lease = await begin(journal, "s", "a", "b")
    await journal.append(item(lease, 2, "c", "d"))
    assert await texts(journal) == ["a", "b", "c", "d"]
    assert await texts(journal, after=1) == ["b", "c", "d"]
    assert await texts(journal, after=4) == []
    assert await texts(journal, after=99) == []


async def test_sessions_do_not_see_each_others_events(journal: Journal) -> None:
    await begin(journal, "s", "a")
    await begin(journal, "t", "x", "y")
    assert await texts(journal, "s") == ["a"]
    assert await texts(journal, "t") == ["x", "y"]


async def test_a_read_ends_at_its_mark(journal: Journal) -> None:
    await begin(journal, "s", "a", "b", "c")
    assert [record.seq for record in await journal.read("s", 0, through=2)] == [1, 2]
    assert await journal.read("s", 2, through=2) == []


async def test_a_read_is_bounded_by_records(journal: Journal) -> None:
    await begin(journal, "s", *"abcde")
    assert [record.seq for record in await journal.read("s", 1, max_records=2)] == [2, 3]
    assert len(await journal.read("s", 0, max_records=0)) == 1


async def test_a_read_is_bounded_by_bytes_but_gives_at_least_one_record(journal: Journal) -> None:
    await begin(journal, "s", "four", "four", "a long one", "four")
    assert [record.seq for record in await journal.read("s", 0, max_bytes=8)] == [1, 2]
    assert [record.seq for record in await journal.read("s", 2, max_bytes=8)] == [3]
    assert [record.seq for record in await journal.read("s", 2, max_bytes=0)] == [3]


async def test_an_append_that_expects_another_head_is_a_conflict_and_stores_nothing(journal: Journal) -> None:
    lease = await begin(journal, "s", "a", "b")
    for head in (0, 1, 3):
        with pytest.raises(Conflict):
            await journal.append(item(lease, head, "other"))
    assert await texts(journal) == ["a", "b"]


@pytest.mark.parametrize(
    "broken",
    [
        (Record(2, 2, b"x"),),
        (Record(1, 1, b"x"), Record(3, 3, b"x")),
        (Record(1, 1, b"x"), Record(1, 1, b"x")),
        (Record(1, 2, b"x"),),
        (Record(0, 1, b"x"),),
    ],
)
async def test_records_that_leave_a_hole_or_overlap_are_a_conflict(
    journal: Journal, broken: tuple[Record, ...]
) -> None:
    lease = await begin(journal)
    with pytest.raises(Conflict):
        await journal.append(AppendItem(lease, 0, broken))
    assert (await journal.stat("s")).head == 0


async def test_a_record_may_stand_for_several_events(journal: Journal) -> None:
    lease = await begin(journal)
    await journal.append(AppendItem(lease, 0, (Record(3, 1, b"abc"), Record(4, 4, b"d"))))
    assert await journal.read("s", 0) == [Record(3, 1, b"abc"), Record(4, 4, b"d")]
    assert (await journal.stat("s")).head == 4


async def test_one_refusal_fails_no_other_append_of_its_group(journal: Journal) -> None:
    leases = [await begin(journal, f"s{i}", "first") for i in range(9)]
    items = [item(lease, 0 if i % 3 == 0 else 1, "second") for i, lease in enumerate(leases)]
    results = await asyncio.gather(*map(journal.append, items), return_exceptions=True)
    assert [isinstance(result, Conflict) for result in results] == [i % 3 == 0 for i in range(9)]
    for i in range(9):
        assert await texts(journal, f"s{i}") == (["first"] if i % 3 == 0 else ["first", "second"])


async def test_an_item_that_cannot_be_stored_at_all_fails_alone(journal: Journal) -> None:
    leases = [await begin(journal, f"s{i}") for i in range(5)]
    items = [item(lease, 0, "a") for lease in leases]
    title = "a lone surrogate: \ud800"
    items[2] = msgspec.structs.replace(items[2], row=msgspec.structs.replace(row("s2"), title=title))
    results = await asyncio.gather(*map(journal.append, items), return_exceptions=True)
    assert [result is None for result in results] == [True, True, False, True, True]
    assert not isinstance(results[2], JournalError)
    assert [len(await texts(journal, f"s{i}")) for i in range(5)] == [1, 1, 0, 1, 1]


async def test_an_append_after_a_failed_one_is_decided_as_if_that_had_not_been(journal: Journal) -> None:
    lease = await begin(journal)
    unstorable = AppendItem(lease, 0, (Record(1, 1, object()),))  # type: ignore[arg-type]  # that is the point
    results = await asyncio.gather(
        journal.append(unstorable), journal.append(item(lease, 0, "a")), return_exceptions=True
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert await texts(journal) == ["a"]


async def test_calls_that_are_refused_leave_the_appends_after_them_alone(journal: Journal) -> None:
    lease = await begin(journal)
    for head in range(0, 20, 2):
        await journal.append(item(lease, head, str(head), str(head + 1)))
        await journal.merge(lease, head + 1, head + 2, records(head, str(head), str(head + 1)))
        with pytest.raises(Conflict):
            await journal.create(row())
        with pytest.raises(Conflict):
            await journal.merge(lease, 1, 99, records(0, "x"))
    assert await texts(journal) == [str(head) for head in range(20)]


async def test_fifty_appenders_at_once_each_find_all_their_events_in_order(journal: Journal) -> None:
    leases = [await begin(journal, f"s{i}") for i in range(50)]

    async def append_all(lease: Lease) -> None:
        for head in range(20):
            await journal.append(item(lease, head, f"{lease.session_id} {head}"))

    await asyncio.gather(*map(append_all, leases))
    for i in range(50):
        assert await texts(journal, f"s{i}") == [f"s{i} {head}" for head in range(20)]


async def test_appends_queued_without_waiting_are_stored_in_order(journal: Journal) -> None:
    lease = await begin(journal)
    await asyncio.gather(*(journal.append(item(lease, head, str(head))) for head in range(100)))
    assert await texts(journal) == [str(head) for head in range(100)]


async def test_a_cancelled_append_is_stored_whole_or_not_at_all(journal: Journal) -> None:
    lease, other = await begin(journal, "s"), await begin(journal, "t")
    cancelled = journal.append(item(lease, 0, "a", "b", "c"))
    neighbour = journal.append(item(other, 0, "x"))
    cancelled.cancel()
    await neighbour
    assert cancelled.cancelled()
    head = (await journal.stat("s")).head
    assert head in (0, 3)
    await journal.append(item(lease, head, "next"))


async def test_a_reader_never_sees_a_hole_or_part_of_an_append(journal: Journal) -> None:
    lease = await begin(journal)
    tasks = TaskOwner("test")

    async def write() -> None:
        for head in range(0, 360, 3):
            await journal.append(item(lease, head, str(head + 1), str(head + 2), str(head + 3)))

    writing = tasks.start(write(), "write")
    while not writing.done():
        seen = await texts(journal)
        assert seen == [str(seq) for seq in range(1, len(seen) + 1)]
        assert len(seen) % 3 == 0
    await writing


# ---------------------------------------------------------------------------------------------- retried appends


async def test_an_identical_append_again_succeeds_and_is_stored_once(journal: Journal) -> None:
    lease = await begin(journal, "s", "before")
    again = item(lease, 1, "a", "b", idempotency=(accepted("one"),), row=row(unfinished=True))
    await journal.append(again)
    await journal.append(again)
    await journal.append(item(lease, 3, "c", row=row()))
    await journal.append(again)
    assert await texts(journal) == ["before", "a", "b", "c"]
    assert (await journal.stat("s")).row == row()


async def test_an_identical_append_in_the_same_group_is_stored_once(journal: Journal) -> None:
    lease = await begin(journal)
    again = item(lease, 0, "a", "b")
    await asyncio.gather(journal.append(again), journal.append(again), journal.append(item(lease, 2, "c")))
    assert await texts(journal) == ["a", "b", "c"]


async def test_an_identical_item_without_events_succeeds_again(journal: Journal) -> None:
    lease = await begin(journal)
    again = item(lease, 0, idempotency=(accepted("one"),))
    await journal.append(again)
    await journal.append(again)
    assert await journal.answer("s", "one") == accepted("one")


async def test_an_append_like_a_stored_one_but_for_a_byte_is_a_conflict(journal: Journal) -> None:
    lease = await begin(journal, "s", "a", "b")
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a", "B"))
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a", "b", "c"))
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a", "b", idempotency=(accepted("one"),)))


async def test_an_item_stored_by_an_older_term_is_no_retry(journal: Journal) -> None:
    await begin(journal, "s", "a")
    lease = await journal.acquire("s")
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a"))


# ------------------------------------------------------------------------------------------------ leases and terms


async def test_an_append_of_an_older_term_is_fenced(journal: Journal) -> None:
    old = await begin(journal, "s", "a")
    new = await journal.acquire("s")
    assert new.term > old.term
    with pytest.raises(Fenced):
        await journal.append(item(old, 1, "b"))
    with pytest.raises(Fenced):
        await journal.append(item(old, 0, "a"))
    await journal.append(item(new, 1, "c"))
    assert await texts(journal) == ["a", "c"]


async def test_an_append_of_an_unknown_term_is_fenced(journal: Journal) -> None:
    lease = await begin(journal)
    with pytest.raises(Fenced):
        await journal.append(item(Lease("s", lease.term + 1), 0, "a"))


async def test_acquire_returns_after_appends_of_older_terms_are_decided(journal: Journal) -> None:
    old = await begin(journal)
    appends = [journal.append(item(old, head, str(head))) for head in range(20)]
    new = await journal.acquire("s")
    head = (await journal.stat("s")).head
    await asyncio.gather(*appends, return_exceptions=True)
    assert (await journal.stat("s")).head == head
    await journal.append(item(new, head, "next"))


async def test_terms_keep_growing_after_a_restart(journal: Journal, reopen: Reopen) -> None:
    await begin(journal)
    before = await journal.acquire("s")
    after = await (await reopen()).acquire("s")
    assert after.term > before.term


# --------------------------------------------------------------------------------------------------- submissions


async def test_a_stored_answer_is_found_by_its_submission_id(journal: Journal) -> None:
    lease = await begin(journal)
    await journal.append(item(lease, 0, "a", idempotency=(accepted("one", "first"), accepted("two"))))
    assert await journal.answer("s", "one") == accepted("one", "first")
    assert await journal.answer("s", "two") == accepted("two")
    assert await journal.answer("s", "three") is None


async def test_a_submission_id_is_answered_once(journal: Journal) -> None:
    lease = await begin(journal)
    await journal.append(item(lease, 0, "a", idempotency=(accepted("one", "first"),)))
    with pytest.raises(AlreadyAnswered) as refused:
        await journal.append(item(lease, 1, "b", idempotency=(accepted("two"), accepted("one", "second"))))
    assert refused.value.earlier == accepted("one", "first")
    with pytest.raises(AlreadyAnswered):
        await journal.append(item(lease, 1, idempotency=(accepted("one", "second"),)))
    assert await texts(journal) == ["a"]
    assert await journal.answer("s", "two") is None


async def test_a_submission_id_answered_twice_in_one_item_is_a_conflict(journal: Journal) -> None:
    lease = await begin(journal)
    with pytest.raises(Conflict):
        await journal.append(item(lease, 0, "a", idempotency=(accepted("one", "first"), accepted("one", "second"))))
    assert await journal.answer("s", "one") is None


async def test_the_same_submission_id_may_be_used_in_two_sessions(journal: Journal) -> None:
    await journal.append(item(await begin(journal, "s"), 0, "a", idempotency=(accepted("one", "first"),)))
    await journal.append(item(await begin(journal, "t"), 0, "a", idempotency=(accepted("one", "second"),)))
    assert await journal.answer("t", "one") == accepted("one", "second")
