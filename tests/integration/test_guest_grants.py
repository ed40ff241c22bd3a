"""Grants of guests over real sockets: for all clients, and after a restart."""

from pathlib import Path

from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, Unshare, UserInput
from tests.integration.test_sharing import link_to, session_of
from tests.support.live import DONE
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.users import users


async def test_a_guests_grant_ends_with_the_guests_link_for_all_clients_and_after_a_restart(tmp_path: Path) -> None:
    script = [
        calls(Call("web_fetch", {"url": "http://127.0.0.1:1/a"}, id="c1")),
        text("Done."),
        calls(Call("web_fetch", {"url": "http://127.0.0.1:1/b"}, id="c2")),
    ]
    reach = {"allow_private_networks": True}
    async with ScriptedModel(script) as model:
        async with users(tmp_path, model, web=reach) as first:
            session_id = await session_of(first, "alice")
            share_id, secret = await link_to(first, session_id, "drive")
            async with first.socket("alice", session_id) as owner, first.socket(secret, session_id) as guest:
                await guest.send(UserInput(text="look"))
                tool = (await guest.until_type(ev.ApprovalRequired)).tools[0]
                answer = Approval(tool.tool_call_id, approved=True, scope="session")
                await guest.send(ExecApproval(approvals=[answer]))
                await owner.until_type(*DONE)
                assert owner.view.guest_grants == {"web_fetch:127.0.0.1:1": share_id}
                await owner.send(Unshare(share_id=share_id))
                assert (await owner.until_type(ev.GrantRevoked)).reason == "unshared"
        async with users(tmp_path, model, web=reach) as second, second.socket("alice", session_id) as owner:
            assert (owner.view.grants, owner.view.guest_grants) == ([], {})
            await owner.send(UserInput(text="look again"))
            assert (await owner.until_type(ev.ApprovalRequired)).tools[0].tool_call_id == "c2"
