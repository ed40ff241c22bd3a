"""What users store and spend, of every journal: counted with the events, in the same step."""

import asyncio

import msgspec
import pytest

from server.journal.base import Fenced, Journal, Record, Spent, StorageBounds, StorageFull, Stored
from tests.contract.journals import Reopen
from tests.unit.server.journal.making import begin, item, row

DAY = "2026-01-31"


def spending(tokens: int, microdollars: int = 0) -> Spent:
    return Spent("ann", DAY, tokens, microdollars)


async def test_nobody_has_stored_or_spent_anything_at_first(journal: Journal) -> None:
    assert await journal.stored("ann") == Stored(0, 0)
    assert await journal.spent("ann", DAY) == spending(0)


async def test_what_is_stored_is_counted_by_user_when_its_row_is_written(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", "678", row=row("a")))
    await journal.create(row("b", user_id="bob"))
    assert await journal.stored("ann") == Stored(1, 8)
    assert await journal.stored("bob") == Stored(1, 0)


async def test_merging_and_deleting_make_room(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", "67890", row=row("a")))
    await journal.merge(lease, 1, 2, (Record(2, 1, b"123"),))
    assert await journal.stored("ann") == Stored(1, 3)
    await journal.delete("a")
    assert await journal.stored("ann") == Stored(0, 0)


async def test_what_a_turn_stored_that_was_cut_short_is_counted_when_the_session_is_taken_up(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "12345", row=row("a", unfinished=True)))
    await journal.append(item(lease, 1, "67890"))
    journal = await reopen()
    await journal.acquire("a")
    assert await journal.stored("ann") == Stored(1, 10)


async def test_what_was_spent_adds_up_by_user_and_day_and_outlives_the_session(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "a")
    for head, spent in enumerate([spending(100, 7), spending(50, 1), Spent("ann", "2026-02-01", 3, 0)]):
        await journal.append(msgspec.structs.replace(item(lease, head, "x"), spent=spent))
    await journal.delete("a")
    journal = await reopen()
    assert await journal.spent("ann", DAY) == spending(150, 8)
    assert await journal.spent("ann", "2026-02-01") == Spent("ann", "2026-02-01", 3, 0)
    assert await journal.spent("bob", DAY) == Spent("bob", DAY, 0, 0)


async def test_the_identical_item_again_is_not_paid_twice_and_a_fenced_one_not_at_all(journal: Journal) -> None:
    lease = await begin(journal, "a")
    paid = msgspec.structs.replace(item(lease, 0, "x"), spent=spending(100))
    await journal.append(paid)
    await journal.append(paid)
    assert await journal.spent("ann", DAY) == spending(100)
    await journal.acquire("a")
    with pytest.raises(Fenced):
        await journal.append(msgspec.structs.replace(item(lease, 1, "y"), spent=spending(100)))
    assert await journal.spent("ann", DAY) == spending(100)


async def test_many_made_at_once_never_pass_the_bound(journal: Journal) -> None:
    bounds = StorageBounds(sessions_max=10, bytes_max=100)
    made = await asyncio.gather(
        *(journal.create(row(f"s{number}"), bounds) for number in range(200)), return_exceptions=True
    )
    refused = [one for one in made if isinstance(one, StorageFull)]
    assert (len(refused), {one.what for one in refused}) == (190, {"sessions"})
    assert (await journal.stored("ann")).sessions == 10
    await journal.create(row("other", user_id="bob"), bounds)


async def test_who_stores_too_many_bytes_makes_no_more_sessions(journal: Journal) -> None:
    lease = await begin(journal, "a")
    await journal.append(item(lease, 0, "x" * 100, row=row("a")))
    with pytest.raises(StorageFull, match="delete some") as full:
        await journal.create(row("b"), StorageBounds(sessions_max=10, bytes_max=100))
    assert (full.value.what, full.value.most) == ("bytes", 100)
