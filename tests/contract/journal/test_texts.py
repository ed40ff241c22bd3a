"""Journal contract, texts: NUL, characters of every length and invalid ones, in every text that a journal stores or is asked for."""

import asyncio

import msgspec
import pytest

from server.journal.base import (
    AppendItem,
    HeldClaim,
    IdempotencyRecord,
    Journal,
    JournalError,
    ListPosition,
    Record,
    Spent,
    Stored,
)
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import begin, item, row, texts

ODD = "a\x00b \x01\x7f\t\r\n'\"\\ \u00e9 \u2028 \ufeff \uffff \U0001f600 \U0010ffff \x00"
"""Each is a character that a database, a driver or a protocol treats in its own way."""

LONE = "a \ud800 b"
"""Half of a pair: no UTF-8 has it."""


async def test_every_text_of_a_row_is_kept_as_it_is(reopen: Reopen) -> None:
    journal = await reopen()
    named = {field: f"{ODD}{field}" for field in ("session_id", "user_id", "title", "model", "created_at", "state")}
    odd = msgspec.structs.replace(row(), **named, last_active_at=f"2026{ODD}")
    lease = await journal.create(odd)
    changed = msgspec.structs.replace(odd, title=f"new {ODD}", pending_approval=b"\x00\xff", options=b"\x00")
    await journal.append(AppendItem(lease, 0, (Record(1, 1, b"\x00"),), row=changed))
    journal = await reopen()
    assert (await journal.stat(odd.session_id)).row == changed
    assert [found.row for found in await journal.list(odd.user_id)] == [changed]
    assert await journal.read(odd.session_id, 0) == [Record(1, 1, b"\x00")]
    assert await journal.stored(odd.user_id) == Stored(1, 1)
    assert await journal.good_position(odd.session_id, journal.epoch, 1)
    assert not await journal.good_position(odd.session_id, ODD, 1)


async def test_texts_that_agree_up_to_a_nul_are_different(journal: Journal) -> None:
    for session_id in ("s", "s\x00", "s\x00a"):
        await begin(journal, session_id, session_id)
    assert await texts(journal, "s\x00") == ["s\x00"]
    assert await texts(journal, "s\x00a") == ["s\x00a"]
    await journal.delete("s\x00")
    assert [found.row.session_id for found in await journal.list()] == ["s", "s\x00a"]


async def test_sessions_are_ordered_by_the_code_points_of_their_names(journal: Journal) -> None:
    names = ["Z", "a", "a\x00", "a b", "a-b", "ab", "\u00e4", "\uffff", "\U0001f600"]
    for name in reversed(names):
        await journal.create(row(name))
    assert [found.row.session_id for found in await journal.list()] == names
    behind = await journal.list(before=ListPosition(row().last_active_at, "a\x00"))
    assert [found.row.session_id for found in behind] == names[3:]


async def test_titles_are_searched_for_any_text_in_any_case(journal: Journal) -> None:
    await journal.create(msgspec.structs.replace(row("nul"), title="one\x00TWO"))
    await journal.create(msgspec.structs.replace(row("sharp"), title="Straße ΣΊΣΥΦΟΣ"))

    async def found(search: str) -> list[str]:
        return [stat.row.session_id for stat in await journal.list("ann", search=search)]

    assert await found("E\x00t") == ["nul"]
    assert await found("onetwo") == []
    assert await found("STRASSE") == ["sharp"]
    assert await found("σίσυφος") == ["sharp"]


async def test_submission_ids_days_users_and_claims_are_kept_as_they_are(reopen: Reopen) -> None:
    journal = await reopen()
    lease = await begin(journal)
    answer = IdempotencyRecord(ODD, b"\x00digest", b"\x00\xff")
    spent = Spent(ODD, f"day{ODD}", 5, 7)
    await journal.append(AppendItem(lease, 0, (Record(1, 1, b"a"),), (answer,), None, spent))
    claim = HeldClaim(f"c{ODD}", "s", f"u{ODD}", f"k{ODD}", f"d{ODD}", f"2026{ODD}")
    await journal.claim(claim)
    await journal.instruct(ODD, f"say{ODD}")
    journal = await reopen()
    assert await journal.instructions(ODD) == f"say{ODD}"
    assert await journal.answer("s", ODD) == answer
    assert await journal.answer("s", ODD.rstrip("\x00")) is None
    assert await journal.spent(ODD, f"day{ODD}") == spent
    assert await journal.claims("s") == [claim]
    await journal.release_claim(f"c{ODD}")
    assert await journal.claims() == []


@pytest.mark.parametrize("field", ["user_id", "title", "model", "created_at", "last_active_at", "state"])
async def test_a_text_that_is_no_utf_8_is_refused_alone_and_nothing_of_its_item_is_stored(
    journal: Journal, field: str
) -> None:
    lease, other = await begin(journal, "s"), await begin(journal, "t")
    broken = msgspec.structs.replace(row(), **{field: LONE})
    results = await asyncio.gather(
        journal.append(item(lease, 0, "a", row=broken)), journal.append(item(other, 0, "a")), return_exceptions=True
    )
    assert isinstance(results[0], UnicodeEncodeError)
    assert results[1] is None
    with pytest.raises(UnicodeEncodeError):
        await journal.create(msgspec.structs.replace(broken, session_id="new"))
    assert await texts(journal) == []
    assert await texts(journal, "t") == ["a"]


async def test_a_name_that_is_no_utf_8_is_a_fault_of_the_caller_in_every_call(journal: Journal) -> None:
    lease = await begin(journal)
    answer = IdempotencyRecord(LONE, b"", b"")
    for call in (
        journal.append(item(lease, 0, "a", idempotency=(answer,))),
        journal.append(msgspec.structs.replace(item(lease, 0, "a"), spent=Spent(LONE, "day", 1, 1))),
        journal.answer("s", LONE),
        journal.stat(LONE),
        journal.read(LONE, 0),
        journal.acquire(LONE),
        journal.delete(LONE),
        journal.list(LONE),
        journal.spent(LONE, "day"),
        journal.good_position("s", LONE, 1),
        journal.claim(HeldClaim("c", "s", LONE, "space", "", "2026")),
        journal.release_claim(LONE),
    ):
        with pytest.raises(UnicodeEncodeError) as fault:
            await call
        assert not isinstance(fault.value, JournalError)
    assert await texts(journal) == []
    assert await journal.claims() == []
