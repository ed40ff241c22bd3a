"""Permissions: calls that wait for approval, asked about, answered and withdrawn."""

from typing import Any

from clients.acp.rpc import Response
from clients.session.outcomes import Rejected
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import OpenCall, PendingTool
from protocol.view import View
from tests.unit.clients.acp.script import Script


def pending(call_id: str, **fields: Any) -> PendingTool:
    return PendingTool(call_id, "bash", {"command": "rm x"}, "the command deletes files", **fields)


def waiting(script: Script, *calls: PendingTool) -> None:
    for one in calls:
        script.event(ev.ToolCallEvent, tool_call_id=one.tool_call_id, tool="bash", arguments=one.arguments)
    script.event(ev.ApprovalRequired, tools=list(calls), count=len(calls))


def chosen(script: Script, number: int, outcome: dict[str, str]) -> list[Any]:
    return script.keep(script.mapping.answered(Response(number, {"outcome": outcome})))


def test_a_call_that_asks_is_shown_with_its_command_and_the_answers_that_are_possible() -> None:
    script = Script().opened()
    waiting(script, pending("c1"), pending("c2", grant="bash:rm"))
    first, second = (one["params"] for one in script.asks)
    assert first["toolCall"]["title"] == "rm x"
    assert first["toolCall"]["content"][0]["content"]["text"] == "The command deletes files.\n\n```sh\nrm x\n```"
    assert [one["kind"] for one in first["options"]] == ["allow_once", "reject_once"]
    assert [one["kind"] for one in second["options"]] == ["allow_once", "allow_always", "reject_once", "reject_always"]
    assert "in_progress" not in [one.get("status") for one in script.updates]


def test_answers_become_approvals() -> None:
    script = Script().opened()
    waiting(script, pending("c1"), pending("c2", grant="g"), pending("c3"), pending("c4", grant="h"))
    for number, option in ((1, "once"), (2, "session"), (3, "reject"), (4, "never")):
        chosen(script, number, {"outcome": "selected", "optionId": option})
    assert [one.approvals[0] for one in script.submissions if isinstance(one, sub.ExecApproval)] == [
        sub.Approval(tool_call_id="c1", approved=True),
        sub.Approval(tool_call_id="c2", approved=True, scope="session"),
        sub.Approval(tool_call_id="c3", approved=False),
        sub.Approval(tool_call_id="c4", approved=False, scope="session"),
    ]


def test_a_question_that_is_put_aside_rejects_nothing_and_is_not_asked_again() -> None:
    script = Script().opened()
    waiting(script, pending("c1"))
    assert chosen(script, 1, {"outcome": "cancelled"}) == []
    script.event(ev.ApprovalRequired, tools=[pending("c1")], count=1)
    assert len(script.asks) == 1


def test_a_question_answered_elsewhere_is_withdrawn_and_a_late_answer_does_nothing() -> None:
    script = Script().opened()
    waiting(script, pending("c1"))
    out = script.event(ev.ToolStateChange, tool_call_id="c1", tool="bash", state="approved", by="user")
    assert {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 1}} in out
    assert chosen(script, 1, {"outcome": "selected", "optionId": "reject"}) == []


def test_the_clients_own_answer_is_not_withdrawn() -> None:
    script = Script().opened()
    waiting(script, pending("c1"))
    chosen(script, 1, {"outcome": "selected", "optionId": "once"})
    out = script.event(ev.ToolStateChange, tool_call_id="c1", tool="bash", state="approved", by="user")
    assert not any(isinstance(one, dict) and one.get("method") == "$/cancel_request" for one in out)


def test_an_answer_that_did_not_arrive_is_asked_for_again_and_a_stale_one_is_not() -> None:
    script = Script().opened()
    waiting(script, pending("c1"))
    chosen(script, 1, {"outcome": "selected", "optionId": "once"})
    script.take(Rejected("s1", "journal_unavailable", "disk full", True))
    assert [one["id"] for one in script.asks] == [1, 2]
    chosen(script, 2, {"outcome": "selected", "optionId": "once"})
    script.take(Rejected("s2", "approval_stale", "too late", False))
    assert len(script.asks) == 2


def test_calls_that_wait_are_asked_about_after_the_load_was_answered() -> None:
    script = Script()
    script.mapping.view = View(
        seq=9,
        state="awaiting_approval",
        open_calls=[OpenCall("c1", "bash", {"command": "rm x"}, "awaiting_approval")],
        pending_approval=[pending("c1")],
    )
    script.opened("load")
    order = [one.get("method", "answer") for one in script.messages]
    assert order.index("answer") < order.index("session/request_permission")
