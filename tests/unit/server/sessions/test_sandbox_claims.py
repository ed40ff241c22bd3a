"""Sandbox claims: a session's claims, as its tools see them."""

from pathlib import Path

import pytest

from agent.sandbox.claims import Claim
from server.journal.base import Deleted
from server.journal.sqlite import open_journal
from server.sessions.sandbox_claims import SessionClaims
from tests.unit.server.journal.builders import row


async def test_a_session_sees_its_own_claims_as_it_put_them_and_none_once_released(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path)
    try:
        await journal.create(row("s"))
        await journal.create(row("other"))
        mine, others = SessionClaims(journal, "s", "ann"), SessionClaims(journal, "other", "ann")
        await others.put(Claim("theirs", "hub", "job"))
        await mine.put(Claim("one", "space"))
        await mine.put(Claim("one", "space", "ann/holdfast-one"))
        assert await mine.held() == [Claim("one", "space", "ann/holdfast-one")]
        assert {(held.session_id, held.user_id) for held in await journal.claims()} == {("s", "ann"), ("other", "ann")}
        await mine.release("one")
        assert await mine.held() == []
        assert await others.held() == [Claim("theirs", "hub", "job")]
        await journal.delete("s")
        with pytest.raises(Deleted):
            await mine.put(Claim("two", "space"))
    finally:
        await journal.aclose()
