"""Journal contract, exports: which sessions have no copy elsewhere, or one that lacks the newest events."""

import msgspec
import pytest

from server.journal.base import Conflict, Deleted, Journal, NotFound
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import begin, item, row


async def due(journal: Journal, most: int = 10, not_of: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> list[str]:
    return [stat.row.session_id for stat in await journal.unexported(most, not_of=not_of, but=but)]


async def begin_of(journal: Journal, session_id: str, user_id: str, day: int) -> None:
    made = row(session_id, user_id=user_id, last_active_at=f"2026-01-0{day}T00:00:00.000Z")
    await journal.append(item(await journal.create(made), 0, "x"))


async def test_a_session_is_due_until_all_of_it_was_exported_and_again_when_it_goes_on(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal, "s", "one", "two")
    assert await journal.unexported(10) == [await journal.stat("s")]
    await journal.exported("s", 1)
    assert await due(journal) == ["s"]
    await journal.exported("s", 2)
    await journal.exported("s", 1)
    assert await due(journal) == []
    await journal.append(item(lease, 2, "three", row=row()))
    assert await due(journal) == ["s"]
    await journal.exported("s", 3)
    assert await due(await reopen()) == []


async def test_sessions_at_work_waiting_empty_or_deleted_are_not_due(journal: Journal) -> None:
    lease = await begin(journal, "s", "one")
    for change in ({"unfinished": True}, {"state": "running"}, {"state": "awaiting_approval"}, {"message_count": 0}):
        await journal.append(item(lease, 1, row=msgspec.structs.replace(row(), **change)))
        assert await due(journal) == []
    await journal.append(item(lease, 1, row=msgspec.structs.replace(row(), state="closed")))
    assert await due(journal) == ["s"]
    await journal.delete("s")
    assert await due(journal) == []


async def test_each_user_is_listed_once_with_the_session_not_used_for_longest(journal: Journal) -> None:
    for session_id, user_id, day in [("a2", "ann", 2), ("a1", "ann", 1), ("b3", "bob", 3), ("c4", "cy", 4)]:
        await begin_of(journal, session_id, user_id, day)
    assert await due(journal) == ["a1", "b3", "c4"]
    assert await due(journal, most=2) == ["a1", "b3"]
    assert await due(journal, not_of=("ann", "cy")) == ["b3"]
    assert await due(journal, but=("a1",)) == ["a2", "b3", "c4"]


async def test_an_export_past_the_head_is_refused(journal: Journal) -> None:
    await begin(journal, "s", "one")
    with pytest.raises(Conflict):
        await journal.exported("s", 2)
    with pytest.raises(NotFound):
        await journal.exported("nowhere", 0)
    await journal.delete("s")
    with pytest.raises(Deleted):
        await journal.exported("s", 1)
