"""Approvals for the session and spending limits: what runs without an approval, what never does, and what calls cost."""

from typing import Any

import msgspec

from agent.policy.effects import Effects
from agent.policy.policy import Policy, PolicyRule
from agent.session.messages import Recover, SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Interrupt, Shutdown, Undo
from tests.unit.agent.session.script import PlainTools, Script, call, rules


def pending_ids(script: Script) -> list[str]:
    """The calls that wait."""
    return [pending.tool_call_id for pending in script.view.pending_approval]


def waiting(*calls: Any, **changes: Any) -> Script:
    """A session in which these calls wait for an approval."""
    script = Script(**changes)
    script.say("do it")
    script.finish(*calls)
    return script


def refusal(script: Script) -> SubmissionRefusal:
    assert isinstance(script.answer, SubmissionRefusal)
    return script.answer


def yolo(limit: float = 5.0) -> Policy:
    return Policy(yolo_mode=True, spending_limit_usd=limit)


def test_granted_tool_runs_without_approval() -> None:
    script = waiting(call("c1", "write"))
    assert script.last(ev.ApprovalRequired).tools[0].grant == "write"
    script.approve_for_session("c1")
    change = next(e for e in script.events if isinstance(e, ev.ToolStateChange) and e.state == "approved")
    assert (change.grant, change.by) == ("write", "user")
    script.tool_done("c1")
    script.finish(call("c2", "write", '{"path": "b"}'))
    assert [effect.tool_call_id for effect in script.ran()] == ["c2"]
    assert script.view.grants == ["write"]


def test_a_grant_survives_undo_and_a_restart_and_ends_with_the_session() -> None:
    script = waiting(call("c1", "write"))
    script.approve_for_session("c1")
    script.tool_done("c1")
    script.finish()
    script.submit(Undo())
    script.restart()
    script.handle(Recover())
    script.say("again")
    script.finish(call("c2", "write"))
    assert script.ran()
    script.submit(Shutdown())
    assert script.view.grants == []


def test_grant_approves_other_pending_calls_of_the_tool() -> None:
    script = waiting(call("c1", "write"), call("c2", "write", '{"path": "b"}'), call("c3", "job"))
    script.approve_for_session("c1")
    assert pending_ids(script) == ["c3"]
    script.reject("c3")
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}
    by = {e.tool_call_id: e.by for e in script.events if isinstance(e, ev.ToolStateChange) and e.state == "approved"}
    assert by == {"c1": "user", "c2": "policy"}


def test_approval_for_session_is_refused_for_a_call_without_grant() -> None:
    script = waiting(call("c1", "wipe"), call("c2", "riddle"), call("c3", "write"))
    for call_id in ("c1", "c2"):
        assert script.approve_for_session(call_id) == []
        assert refusal(script).code == "invalid"
    assert pending_ids(script) == ["c1", "c2", "c3"]


def test_grant_does_not_lift_the_spending_limit() -> None:
    script = waiting(call("c1", "job"), policy=Policy(spending_limit_usd=5.0))
    script.approve_for_session("c1")
    script.tool_done("c1")
    script.finish(call("c2", "job"), call("c3", "job", '{"path": "b"}'))
    assert [effect.tool_call_id for effect in script.ran()] == ["c2"]
    assert pending_ids(script) == ["c3"]
    pending = script.view.pending_approval[0]
    assert "$5.00" in pending.reason and "about $2.00" in pending.reason
    assert pending.grant is msgspec.UNSET
    script.tool_done("c2")
    script.approve("c3")
    assert [effect.tool_call_id for effect in script.ran()] == ["c3"]


def test_yolo_mode_runs_calls_until_the_spending_limit() -> None:
    script = waiting(call("c1", "job"), call("c2", "job"), call("c3", "job"), policy=yolo(5.0))
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}
    assert pending_ids(script) == ["c3"]


def test_reported_cost_counts_instead_of_the_estimate() -> None:
    script = waiting(call("c1", "job"), policy=yolo(5.0))
    script.tool_done("c1", cost_usd=0.5)
    assert script.last(ev.ToolOutput).cost_usd == 0.5
    assert script.view.usage.cost_usd == 0.51
    assert script.session.state.spent_usd == 0.51


def test_estimate_counts_without_a_reported_cost_unless_the_call_failed() -> None:
    script = waiting(call("c1", "job"), call("c2", "job"), policy=yolo(50.0))
    script.tool_done("c1")
    assert script.last(ev.ToolOutput).cost_usd == 2.0
    script.tool_done("c2", success=False)
    assert script.last(ev.ToolOutput).cost_usd is msgspec.UNSET
    assert script.session.state.spent_usd == 2.01


def test_invalid_reported_cost_is_ignored() -> None:
    script = waiting(*(call(f"c{n}", "job") for n in range(3)), policy=yolo(50.0))
    for number, cost_usd in enumerate((float("nan"), float("inf"), -5.0)):
        script.tool_done(f"c{number}", cost_usd=cost_usd)
    assert script.view.usage.cost_usd == 6.01


def test_model_cost_counts_toward_the_limit_in_yolo_mode() -> None:
    script = waiting(call("c1", "read"), policy=yolo(0.02))
    assert script.ran()
    script.tool_done("c1")
    script.finish(call("c2", "read", '{"path": "b"}'))
    assert pending_ids(script) == ["c2"]
    assert "$0.02" in script.view.pending_approval[0].reason
    script.approve("c2")
    assert script.ran()


def test_edited_arguments_that_the_policy_denies_are_refused() -> None:
    policy = Policy(
        rules=(PolicyRule(action="deny", tool="write", arguments={"path": "secret"}, reason="it is secret"),)
    )
    script = waiting(call("c1", "write"), policy=policy)
    assert script.approve("c1", arguments={"path": "secret"}) == []
    assert refusal(script).code == "invalid_arguments"
    assert "it is secret" in refusal(script).message
    script.approve("c1", arguments={"path": "open"})
    assert script.ran()[0].arguments == {"path": "open"}


def test_pending_call_that_the_policy_now_denies_can_only_be_rejected() -> None:
    script = waiting(call("c1", "write"))
    script.rules = rules(policy=Policy(rules=(PolicyRule(action="deny", tool="write", reason="not any more"),)))
    script.restart()
    script.handle(Recover())
    assert pending_ids(script) == ["c1"]
    assert script.approve("c1") == []
    assert refusal(script).code == "forbidden" and "not any more" in refusal(script).message
    assert script.reject("c1") and pending_ids(script) == []


def test_pending_call_whose_operation_changed_can_only_be_rejected() -> None:
    class Served(PlainTools):
        def __init__(self, server: str) -> None:
            self.server = server

        def effects(self, name: str) -> Effects:
            return Effects(f"calls {name} of {self.server}", frozenset({"external", "delete"}), self.server)

    script = waiting(call("c1", "write"), call("c2", "write"), tools=Served("one"))
    assert script.view.pending_approval[0].operation == "one"
    script.rules = rules(tools=Served("two"))
    script.restart()
    script.handle(Recover())
    assert script.approve("c1") == []
    assert refusal(script).code == "forbidden" and "'two' now" in refusal(script).message
    assert script.reject("c1")
    script.rules = rules(tools=Served("one"))
    script.restart()
    script.handle(Recover())
    script.approve("c2")
    assert script.ran()


def test_denied_call_gets_a_result_and_no_approval_request() -> None:
    policy = Policy(rules=(PolicyRule(action="deny", tool="write", reason="not here"),), yolo_mode=True)
    script = waiting(call("c1", "write"), policy=policy)
    assert "not here" in script.last(ev.ToolOutput).output
    assert pending_ids(script) == []


def test_estimate_of_an_interrupted_call_counts_toward_the_limit() -> None:
    script = waiting(call("c1", "job"), policy=yolo(5.0))
    script.submit(Interrupt())
    script.say("again")
    script.finish(call("c2", "job"))
    script.restart()
    script.handle(Recover())
    assert script.session.state.spent_usd == 4.02
    assert script.view.usage.cost_usd == 0.02
    script.say("and again")
    script.finish(call("c3", "job"))
    assert pending_ids(script) == ["c3"]


def test_a_call_that_never_ran_costs_nothing() -> None:
    script = waiting(call("c1", "job"))
    script.submit(Interrupt())
    assert script.session.state.spent_usd == 0.01


def test_the_reason_of_a_waiting_call_marks_what_cannot_be_seen() -> None:
    class Hidden(PlainTools):
        def effects(self, name: str) -> Effects:
            return Effects("asks a host\u202e\u3164\U000e0041", frozenset({"network"}))

    script = waiting(call("c1", "write"), tools=Hidden())
    assert script.view.pending_approval[0].reason == "asks a host⟨U+202E⟩⟨U+3164⟩⟨U+E0041⟩"
