"""Journal contract, accounts: what users store and spend is counted together with the events."""

import asyncio

import msgspec
import pytest

from server.journal.base import Deleted, Fenced, Journal, NotFound, Record, Spent, StorageBounds, Stored
from server.journal.errors import StorageFull
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import begin, item, row

DAY = "2026-01-31"


def spending(tokens: int, microdollars: int = 0) -> Spent:
    return Spent("ann", DAY, tokens, microdollars)


async def test_a_new_user_has_stored_and_spent_nothing(journal: Journal) -> None:
    assert await journal.stored("ann") == Stored(0, 0)
    assert await journal.spent("ann", DAY) == spending(0)


async def test_the_last_instructions_of_each_user_are_kept(journal: Journal) -> None:
    assert await journal.instructions("ann") == ""
    for text in ("Be short.", "Answer in Latin."):
        await journal.instruct("ann", text)
    await journal.instruct("bob", "Be long.")
    assert [await journal.instructions(user) for user in ("ann", "bob")] == ["Answer in Latin.", "Be long."]


async def test_stored_bytes_are_counted_by_user_when_the_row_is_written(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", "678", row=row("a")))
    await journal.create(row("b", user_id="bob"))
    assert await journal.stored("ann") == Stored(1, 8)
    assert await journal.stored("bob") == Stored(1, 0)


async def test_merging_and_deleting_reduce_the_stored_bytes(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", "67890", row=row("a")))
    await journal.merge(lease, 1, 2, (Record(2, 1, b"123"),))
    assert await journal.stored("ann") == Stored(1, 3)
    await journal.delete("a")
    assert await journal.stored("ann") == Stored(0, 0)


async def test_bytes_of_a_turn_cut_short_are_counted_at_acquire(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", row=row("a", unfinished=True)))
    await journal.append(item(lease, 1, "67890"))
    journal = await reopen()
    await journal.acquire("a")
    assert await journal.stored("ann") == Stored(1, 10)


async def test_spending_adds_up_by_user_and_day_and_outlives_the_session(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "a")
    for head, spent in enumerate([spending(100, 7), spending(50, 1), Spent("ann", "2026-02-01", 3, 0)]):
        await journal.append(msgspec.structs.replace(item(lease, head, "x"), spent=spent))
    await journal.delete("a")
    journal = await reopen()
    assert await journal.spent("ann", DAY) == spending(150, 8)
    assert await journal.spent("ann", "2026-02-01") == Spent("ann", "2026-02-01", 3, 0)
    assert await journal.spent("bob", DAY) == Spent("bob", DAY, 0, 0)


async def test_one_read_tells_what_a_user_has_stored_and_spent_and_wants_models_to_be_told(journal: Journal) -> None:
    await journal.append(msgspec.structs.replace(item(await begin(journal, "a"), 0, "x"), spent=spending(100, 7)))
    await journal.instruct("ann", "Answer in Latin.")
    assert await journal.account("ann", DAY) == (await journal.stored("ann"), spending(100, 7), "Answer in Latin.")
    assert await journal.account("bob", DAY) == (Stored(0, 0), Spent("bob", DAY, 0, 0), "")


async def test_a_retried_item_is_counted_once_and_a_fenced_one_never(journal: Journal) -> None:
    lease = await begin(journal, "a")
    paid = msgspec.structs.replace(item(lease, 0, "x"), spent=spending(100))
    await journal.append(paid)
    await journal.append(paid)
    assert await journal.spent("ann", DAY) == spending(100)
    await journal.acquire("a")
    with pytest.raises(Fenced):
        await journal.append(msgspec.structs.replace(item(lease, 1, "y"), spent=spending(100)))
    assert await journal.spent("ann", DAY) == spending(100)


async def test_many_creates_at_once_never_pass_the_limit(journal: Journal) -> None:
    bounds = StorageBounds(sessions_max=10, bytes_max=100)
    made = await asyncio.gather(
        *(journal.create(row(f"s{number}"), bounds) for number in range(200)), return_exceptions=True
    )
    refused = [one for one in made if isinstance(one, StorageFull)]
    assert (len(refused), {one.what for one in refused}) == (190, {"sessions"})
    assert (await journal.stored("ann")).sessions == 10
    await journal.create(row("other", user_id="bob"), bounds)


async def test_a_user_over_the_byte_limit_creates_no_more_sessions(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "x" * 100, row=row("a")))
    with pytest.raises(StorageFull, match="delete some") as full:
        await journal.create(row("b"), StorageBounds(sessions_max=10, bytes_max=100))
    assert (full.value.what, full.value.most) == ("bytes", 100)


async def test_files_are_counted_with_the_events_until_the_session_is_deleted(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", row=row("a")))
    await journal.files_measured("a", 1_000)
    await journal.files_measured("a", 300)
    journal = await reopen()
    assert await journal.stored("ann") == Stored(1, 305)
    with pytest.raises(StorageFull):
        await journal.create(row("b"), StorageBounds(10, 305))
    await journal.delete("a")
    assert await journal.stored("ann") == Stored(0, 0)
    with pytest.raises(Deleted):
        await journal.files_measured("a", 5)


async def test_a_tombstone_ends_and_no_session_that_is_there(reopen: Reopen) -> None:
    journal = await reopen()
    await begin(journal, "kept")
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", row=row("a")))
    await journal.delete("a")
    journal = await reopen()
    assert await journal.forget_deleted("2000-01-01T00:00:00.000Z", 10) == 0
    with pytest.raises(Deleted):
        await journal.stat("a")
    await eventually_forgotten(journal)
    with pytest.raises(NotFound):
        await journal.stat("a")
    assert (await journal.stat("kept")).head == 0


async def eventually_forgotten(journal: Journal) -> None:
    """The events of a deleted session are removed first, in small steps."""
    async with asyncio.timeout(5):
        while await journal.forget_deleted("9999-01-01T00:00:00.000Z", 10) == 0:
            await asyncio.sleep(0)
