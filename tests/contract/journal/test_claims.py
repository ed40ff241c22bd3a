"""Journal contract, claims: what a session holds outside of the server is kept until it is released, also after the session."""

import asyncio

import msgspec
import pytest

from server.journal.base import Conflict, Deleted, HeldClaim, Journal, NotFound
from tests.contract.journal.backends import Reopen
from tests.unit.server.journal.builders import NOON, begin

LATER = "2026-11-21T12:00:01.000Z"
CLAIM = HeldClaim("c1", "s", "ann", "space", "", NOON)
FOUND = msgspec.structs.replace(CLAIM, detail="ann/holdfast-c1")


async def test_a_claim_survives_a_restart_with_its_newest_detail(reopen: Reopen) -> None:
    journal = await reopen()
    await begin(journal)
    await journal.claim(CLAIM)
    await journal.claim(msgspec.structs.replace(FOUND, claimed_at=LATER))
    journal = await reopen()
    assert await journal.claims("s") == await journal.claims() == [FOUND]


async def test_claims_are_listed_oldest_first_for_all_and_for_one_session(journal: Journal) -> None:
    await begin(journal, "s")
    await begin(journal, "other")
    old = msgspec.structs.replace(CLAIM, claim_id="z")
    new = msgspec.structs.replace(CLAIM, claim_id="a", claimed_at=LATER)
    theirs = HeldClaim("m", "other", "bob", "hub", "job", "2026-11-21T12:00:00.500Z")
    for claim in (new, theirs, old):
        await journal.claim(claim)
    assert await journal.claims() == [old, theirs, new]
    assert await journal.claims("s") == [old, new]
    assert await journal.claims("nobody") == []


async def test_a_claim_outlives_its_session_until_it_is_released(reopen: Reopen) -> None:
    journal = await reopen()
    await begin(journal, "s", "one")
    await journal.claim(CLAIM)
    await journal.delete("s")
    journal = await reopen()
    assert await journal.claims() == [CLAIM]
    await journal.claim(FOUND)
    assert await journal.claims("s") == [FOUND]
    await journal.release_claim("c1")
    await journal.release_claim("c1")
    journal = await reopen()
    assert await journal.claims() == []


async def test_a_new_claim_for_a_missing_session_is_refused(journal: Journal) -> None:
    with pytest.raises(NotFound):
        await journal.claim(CLAIM)
    await begin(journal)
    await journal.delete("s")
    with pytest.raises(Deleted):
        await journal.claim(CLAIM)
    assert await journal.claims() == []


async def test_a_claim_cannot_be_replaced_by_another_session(journal: Journal) -> None:
    await begin(journal, "s")
    await begin(journal, "other")
    await journal.claim(CLAIM)
    with pytest.raises(Conflict, match="c1 is of session s"):
        await journal.claim(msgspec.structs.replace(CLAIM, session_id="other"))
    assert await journal.claims() == [CLAIM]


async def test_a_claim_and_a_deletion_at_once_leave_no_unknown_claim(journal: Journal) -> None:
    await begin(journal)
    await asyncio.gather(
        *(journal.claim(msgspec.structs.replace(CLAIM, claim_id=f"c{number}")) for number in range(20)),
        journal.delete("s"),
        journal.claim(msgspec.structs.replace(CLAIM, claim_id="late")),
        return_exceptions=True,
    )
    assert {claim.claim_id for claim in await journal.claims()} == {f"c{number}" for number in range(20)}
