"""Grants that are revoked: by request, and when the link of the guest who gave them is revoked."""

from typing import Any

import msgspec
from msgspec import UNSET

from agent.policy.effects import Effects
from agent.session.messages import RunTool, SetGrants, SubmissionRefusal
from protocol import events as ev
from protocol.content import UserMessage
from protocol.submissions import Approval, ExecApproval, RevokeGrant, Shutdown, Unshare, UserInput
from tests.unit.agent.session.script import PlainTools, Script, call


class WebTools(PlainTools):
    """A tool whose operation is the host of its path."""

    def effects(self, name: str) -> Effects:
        return (
            Effects("asks a host", frozenset({"network"}), "site.example") if name == "read" else super().effects(name)
        )


def waiting(*calls: Any, **changes: Any) -> tuple[Script, str]:
    """A session with a link, in which these calls wait for an approval; the link's id."""
    script = Script(**changes)
    link = script.link()
    script.say("do it")
    script.finish(*calls)
    return script, link


def approve(script: Script, call_id: str, link: str = "", scope: Any = "once", **fields: Any) -> list[str]:
    """Approve a call, as the holder of the link or as the owner."""
    return script.submit(
        ExecApproval(approvals=[Approval(tool_call_id=call_id, approved=True, scope=scope, **fields)]), link
    )


def states(script: Script) -> dict[str, str]:
    """The open calls and their states."""
    return {call.tool_call_id: call.state for call in script.view.open_calls}


def waits_for_approval(script: Script, tool: str = "write") -> bool:
    """Whether the model's next call of this tool asks; the call before it gets its result first."""
    number = len(script.events)
    script.finish(call(f"c{number}", tool, f'{{"path": "{number}"}}'))
    waits = bool(script.view.pending_approval)
    if waits:
        script.reject(f"c{number}")
    else:
        script.tool_done(f"c{number}")
    return waits


def test_a_revoked_grant_asks_again() -> None:
    script, _ = waiting(call("c1", "write"))
    approve(script, "c1", scope="session")
    script.tool_done("c1")
    assert not waits_for_approval(script)
    assert script.submit(RevokeGrant(grant="write")) == ["accepted", "grant_revoked"]
    revoked = script.last(ev.GrantRevoked)
    assert (revoked.grant, revoked.reason, script.view.grants) == ("write", "user", [])
    assert waits_for_approval(script)


def test_a_grant_that_is_not_there_cannot_be_revoked() -> None:
    script, _ = waiting(call("c1", "write"))
    assert script.submit(RevokeGrant(grant="write")) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "grant_unknown"


def test_a_guests_grant_ends_with_the_guests_link_also_after_a_restart() -> None:
    script, link = waiting(call("c1", "write"))
    approve(script, "c1", link, "session")
    approved = next(e for e in script.events if isinstance(e, ev.ToolStateChange) and e.state == "approved")
    assert (approved.share_id, script.view.guest_grants) == (link, {"write": link})
    script.tool_done("c1")
    script.finish()
    script.restart()
    assert script.submit(Unshare(share_id=link)) == ["accepted", "unshared", "grant_revoked"]
    assert (script.last(ev.GrantRevoked).reason, script.view.grants, script.view.guest_grants) == ("unshared", [], {})
    script.say("again")
    assert waits_for_approval(script)


def test_the_owners_grants_and_those_of_other_links_stay() -> None:
    script, link = waiting(call("c1", "write"), call("c2", "job"))
    other = script.link()
    approve(script, "c1", scope="session")
    approve(script, "c2", other, "session")
    script.submit(Unshare(share_id=link))
    assert script.view.grants == ["write", "job:run"]
    script.submit(Unshare(share_id=other))
    assert script.view.grants == ["write"]


def test_a_call_that_a_guest_approved_and_that_has_not_begun_waits_again() -> None:
    script, link = waiting(call("c1", "write"), call("c2", "job"))
    approve(script, "c1", link, arguments={"path": "guests"})
    assert states(script) == {"c1": "approved", "c2": "awaiting_approval"}
    script.submit(Unshare(share_id=link))
    assert states(script) == {"c1": "awaiting_approval", "c2": "awaiting_approval"}
    assert [pending.tool_call_id for pending in script.view.pending_approval] == ["c2", "c1"]
    assert script.view.pending_approval[1].arguments == {"path": "guests"}
    script.reject("c2")
    assert script.ran() == []
    script.approve("c1")
    assert [effect.arguments for effect in script.ran()] == [{"path": "guests"}]


def test_a_call_that_a_revoked_grant_approved_and_that_has_not_begun_waits_again() -> None:
    script, _ = waiting(call("c1", "write"), call("c2", "write", '{"path": "b"}'), call("c3", "job"))
    approve(script, "c1", scope="session")
    assert states(script) == {"c1": "approved", "c2": "approved", "c3": "awaiting_approval"}
    script.submit(RevokeGrant(grant="write"))
    assert states(script) == {"c1": "approved", "c2": "awaiting_approval", "c3": "awaiting_approval"}


def test_the_sub_agents_that_run_are_told_of_a_revoked_grant() -> None:
    script, _ = waiting(call("c1", "write"))
    approve(script, "c1", scope="session")
    assert [effect.grants for effect in script.effects if isinstance(effect, RunTool)] == [("write",)]
    script.submit(RevokeGrant(grant="write"))
    assert [effect.grants for effect in script.effects if isinstance(effect, SetGrants)] == [()]


def test_a_grant_of_a_tool_with_hosts_is_for_the_one_host() -> None:
    script, _ = waiting(call("c1", "read"), tools=WebTools())
    assert script.view.pending_approval[0].grant == "read:site.example"


def test_no_more_is_allowed_for_the_session_than_its_bound() -> None:
    script, _ = waiting(call("c1", "write"), call("c2", "job"), grants_max=1)
    approve(script, "c1", scope="session")
    assert approve(script, "c2", scope="session") == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "too_many_grants"
    approve(script, "c2")
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}


def test_a_closed_session_has_no_grants() -> None:
    script, link = waiting(call("c1", "write"))
    approve(script, "c1", link, "session")
    script.submit(Shutdown())
    assert (script.view.grants, script.view.guest_grants) == ([], {})


def test_only_the_owner_approves_that_agents_md_is_written_whatever_was_allowed_before() -> None:
    script, link = waiting(call("c1", "write", '{"path": "./Agents.md"}'), call("c2", "write", '{"path": "b"}'))
    assert script.view.pending_approval[0].grant is msgspec.UNSET
    assert "AGENTS.md" in script.view.pending_approval[0].reason
    for answer in ({}, {"arguments": {"path": "AGENTS.md"}}):
        assert approve(script, "c1" if not answer else "c2", link, **answer) == []
        assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "forbidden"
    approve(script, "c2", scope="session")
    assert [pending.tool_call_id for pending in script.view.pending_approval] == ["c1"]
    approve(script, "c1")
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}


def test_inputs_that_guests_queued_get_no_turn_once_their_link_is_revoked() -> None:
    script = Script()
    link, other = script.link(), script.link()
    script.say("owner's, running")
    for text, sender in (("guest's", link), ("other's", other), ("owner's", ""), ("guest's too", link)):
        script.submit(UserInput(text=text), sender)
    assert [waiting.share_id for waiting in script.view.queued] == [link, other, UNSET, link]
    removed = [waiting.submission_id for waiting in script.view.queued if waiting.share_id == link]
    assert script.submit(Unshare(share_id=link)) == ["accepted", "unshared"]
    assert script.last(ev.Unshared).removed_inputs == removed
    assert [waiting.text for waiting in script.view.queued] == ["other's", "owner's"]
    script.finish()
    script.restart()
    script.submit(Unshare(share_id=other))
    assert "guest's" not in [message.text for message in script.view.messages if isinstance(message, UserMessage)]
