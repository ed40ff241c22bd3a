"""Journal contract, listing: the newest first, by user, by page and by title."""

import msgspec
import pytest

from server.journal.base import Deleted, Journal, ListPosition, NotFound
from server.sessions.rows import Options, dump_options, holding_cwd
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import begin, item, row


async def test_sessions_are_listed_newest_first_and_by_user(journal: Journal) -> None:
    await journal.create(row("old", last_active_at="2026-01-01T00:00:00.000Z"))
    await journal.create(row("new", last_active_at="2026-03-01T00:00:00.000Z"))
    await journal.create(row("bobs", user_id="bob", last_active_at="2026-02-01T00:00:00.000Z"))
    assert [found.row.session_id for found in await journal.list()] == ["new", "bobs", "old"]
    assert [found.row.session_id for found in await journal.list("ann")] == ["new", "old"]
    assert [found.row for found in await journal.list("bob")] == [
        row("bobs", user_id="bob", last_active_at="2026-02-01T00:00:00.000Z")
    ]
    assert await journal.list("nobody") == []


async def test_the_list_agrees_with_stat(journal: Journal) -> None:
    await begin(journal, "a", "one", "two")
    await begin(journal, "b")
    await journal.acquire("b")
    assert await journal.list() == [await journal.stat("a"), await journal.stat("b")]


async def test_the_list_continues_after_a_position_without_gaps(journal: Journal) -> None:
    days = [1, 2, 2, 2, 3]
    for number, day in enumerate(days):
        await journal.create(row(f"s{number}", last_active_at=f"2026-01-0{day}T00:00:00.000Z"))
    whole = [found.row.session_id for found in await journal.list("ann")]
    assert whole == ["s4", "s1", "s2", "s3", "s0"]
    for size in (1, 2, 3):
        paged: list[str] = []
        place = None
        while page := await journal.list("ann", before=place, most=size):
            assert len(page) <= size
            paged += [found.row.session_id for found in page]
            place = ListPosition(page[-1].row.last_active_at, page[-1].row.session_id)
        assert paged == whole


async def test_the_list_is_searched_by_literal_title_text_in_any_case(journal: Journal) -> None:
    for name, title in [("a", "Zürich 100%"), ("b", "zürich_plan"), ("c", "Bern")]:
        await journal.create(msgspec.structs.replace(row(name), title=title))

    async def named(search: str, most: int | None = None) -> list[str]:
        return [found.row.session_id for found in await journal.list("ann", search=search, most=most)]

    assert await named("ZÜRICH") == ["a", "b"]
    assert await named("ZÜRICH", most=1) == ["a"]
    assert await named("%") == ["a"]
    assert await named("_") == ["b"]
    assert await named("") == ["a", "b", "c"]


async def test_the_list_ends_with_the_session_whose_waiting_calls_take_it_above_a_bound(journal: Journal) -> None:
    for name, size in [("a", 10), ("b", 60), ("c", 40), ("d", 10)]:
        await journal.create(msgspec.structs.replace(row(name), pending_approval=b" " * size))

    async def named(max_bytes: int) -> list[str]:
        return [found.row.session_id for found in await journal.list("ann", max_bytes=max_bytes)]

    assert await named(0) == ["a"]
    assert await named(69) == ["a", "b"]
    assert await named(70) == ["a", "b", "c"]
    assert await named(1_000) == ["a", "b", "c", "d"]


async def test_the_list_can_be_of_sessions_whose_options_hold_these_bytes(journal: Journal) -> None:
    for name, cwd in [("a", "/srv/a"), ("b", "/srv/ab"), ("c", "/srv/\u00fc%_\\0"), ("d", "")]:
        await journal.create(msgspec.structs.replace(row(name), options=dump_options(Options(cwd=cwd))))

    async def named(cwd: str) -> list[str]:
        return [found.row.session_id for found in await journal.list("ann", holding=holding_cwd(cwd))]

    assert await named("/srv/a") == ["a"]
    assert await named("/srv/\u00fc%_\\0") == ["c"]
    assert await named("/home") == await named("/srv/\u00fc__\\0") == []
    assert len(await journal.list("ann", holding=b"")) == 4


async def test_a_session_is_listed_as_it_was_said_whatever_its_owner_stores(journal: Journal, reopen: Reopen) -> None:
    lease = await begin(journal, "s")
    await begin(journal, "t")
    await journal.list_as("s", "pinned")
    await journal.append(item(lease, 0, "a", row=msgspec.structs.replace(row("s"), title="new")))
    stat = await journal.stat("s")
    assert (stat.row.title, stat.row.listed) == ("new", "pinned")
    await journal.list_as("t", "archived")

    async def listed(opened: Journal, how: str | None) -> list[str]:
        return sorted(found.row.session_id for found in await opened.list("ann", listed=how))

    opened = await reopen()
    assert [await listed(opened, how) for how in (None, "", "pinned", "archived")] == [["s", "t"], [], ["s"], ["t"]]
    await opened.list_as("s", "")
    assert await listed(opened, "") == ["s"]
    await opened.delete("s")
    for name, refused in (("s", Deleted), ("nowhere", NotFound)):
        with pytest.raises(refused):
            await opened.list_as(name, "pinned")


async def test_old_sessions_that_are_not_pinned_are_found_and_earlier_those_with_nothing_in_them(
    journal: Journal,
) -> None:
    empty = {"message_count": 0, "title": ""}
    made: dict[str, dict[str, object]] = {
        "said": {},
        "titled": {"message_count": 0},
        "filled": empty,
        "empty": empty,
        "archived": empty,
        "pinned": empty,
    }
    for name, fields in made.items():
        await journal.release(await journal.create(msgspec.structs.replace(row(name), **fields)))
    await journal.files_measured("filled", 5)
    await journal.list_as("archived", "archived")
    await journal.list_as("pinned", "pinned")
    after = "2999-01-01T00:00:00.000Z"
    assert await journal.stale("", after, 10) == ["empty"]
    assert await journal.stale(after, "", 10) == sorted({*made} - {"pinned"})
    assert await journal.stale("", "", 10) == []
