"""Hostile submissions: models by address, notes and grants of guests, odd arguments, undo and long lists delay nobody, and do nothing."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from protocol import events as ev
from protocol.codec import encode
from protocol.content import PendingTool
from protocol.submissions import Unshare
from server.journal.base import AppendItem, Record, SessionRow
from server.journal.sqlite import open_journal
from tests.faults.process.process import Zygote
from tests.hostile.attacks.guests import LONG_SESSION, notes_and_grants
from tests.hostile.harness import conversation, under_attack
from tests.support.network.http_client import http_client
from tests.unit.server.journal.builders import NOON

pytestmark = pytest.mark.timeout(180)

SESSIONS, LARGE_SESSIONS = 1_500, 12
"""In all, more than one page of the admin's list; and those whose calls that wait have a megabyte each."""


async def test_submissions_of_guests_and_users_without_a_pause_delay_nobody_and_leave_nothing(
    zygote: Zygote, tmp_path: Path
) -> None:
    await write_sessions(tmp_path / "data")
    attacks = notes_and_grants.__module__
    async with under_attack(zygote, tmp_path, policy={}, web={"allow_private_networks": True}) as beside:
        await beside.check(f"{attacks}:models_by_address")
        await beside.check(f"{attacks}:notes_and_grants")
        await beside.check(f"{attacks}:large_and_odd_arguments")
        await beside.check(f"{attacks}:undo_and_long_queries")
        await beside.check(f"{attacks}:large_lists")
        target = beside.target
        files = f"/api/sessions/{target.shared_id}/files"
        async with http_client(target.http, headers={"Authorization": f"Bearer {beside.quiet}"}) as http:
            assert (await http.get(files)).json()["files"] == []
        async with conversation(target.port, beside.quiet, target.shared_id) as owner:
            for share in owner.view.shares:
                await owner.send(Unshare(share_id=share.share_id))
                await owner.until_type(ev.Unshared)
            assert (owner.view.grants, owner.view.guest_grants) == ([], {})
            assert owner.view.model == "openai/scripted"


async def write_sessions(data: Path) -> None:
    """Write into the journal of a server that does not run yet: many sessions, and for mallory some with large calls that wait
    for approval, and a long one."""
    one = SessionRow("", "somebody", "A title", "", NOON, NOON, 2, "idle", b"[]", False, b"{}")
    call = PendingTool("c", "bash", {"numbers": list(range(150_000))}, "why")
    pending = msgspec.json.encode([call])
    journal = await open_journal(data)
    try:
        rows = [msgspec.structs.replace(one, session_id=f"{number:032x}") for number in range(SESSIONS)]
        for number, row in enumerate(rows[:LARGE_SESSIONS]):
            rows[number] = msgspec.structs.replace(row, user_id="mallory", pending_approval=pending)
        rows.append(msgspec.structs.replace(one, session_id=LONG_SESSION, user_id="mallory"))
        leases = await asyncio.gather(*(journal.create(row) for row in rows))
        for seq in range(1, 5):
            await journal.append(AppendItem(leases[-1], seq - 1, (_long_message(seq),), row=rows[-1]))
    finally:
        await journal.aclose()


def _long_message(seq: int) -> Record:
    event = ev.AssistantMessageEvent(
        seq=seq,
        at=NOON,
        message_id="m",
        text="\n" * 900_000,
        reasoning="",
        tool_calls=[],
        finish_reason="stop",
        sealed=False,
    )
    return Record(seq, seq, encode(event))
