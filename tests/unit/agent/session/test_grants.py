"""Answers for the whole session, and the money: what runs without asking, what never does, and what a call cost."""

from typing import Any

import msgspec

from agent.policy.effects import Effects
from agent.policy.policy import Policy, PolicyRule
from agent.session.messages import Recover, SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, Interrupt, Shutdown, Undo
from tests.unit.agent.session.script import PlainTools, Script, call, rules


def asked(script: Script) -> list[str]:
    """The calls that wait."""
    return [pending.tool_call_id for pending in script.view.pending_approval]


def waiting(*calls: Any, **changes: Any) -> Script:
    """A session in which these calls were asked for."""
    script = Script(**changes)
    script.say("do it")
    script.finish(*calls)
    return script


def refusal(script: Script) -> SubmissionRefusal:
    assert isinstance(script.answer, SubmissionRefusal)
    return script.answer


def yolo(limit: float = 5.0) -> Policy:
    return Policy(yolo_mode=True, spending_limit_usd=limit)


def test_what_was_allowed_for_the_session_runs_unasked_from_then_on() -> None:
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
    script.tell(Recover())
    script.say("again")
    script.finish(call("c2", "write"))
    assert script.ran()
    script.submit(Shutdown())
    assert script.view.grants == []


def test_other_calls_that_wait_for_the_same_run_by_that_answer() -> None:
    script = waiting(call("c1", "write"), call("c2", "write", '{"path": "b"}'), call("c3", "job"))
    script.approve_for_session("c1")
    assert asked(script) == ["c3"]
    script.reject("c3")
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}
    by = {e.tool_call_id: e.by for e in script.events if isinstance(e, ev.ToolStateChange) and e.state == "approved"}
    assert by == {"c1": "user", "c2": "policy"}


def test_an_answer_for_the_session_is_refused_where_none_was_offered() -> None:
    script = waiting(call("c1", "wipe"), call("c2", "riddle"), call("c3", "write"))
    for call_id in ("c1", "c2"):
        assert script.approve_for_session(call_id) == []
        assert refusal(script).code == "invalid"
    rejected = Approval(tool_call_id="c3", approved=False, scope="session")
    assert script.submit(ExecApproval(approvals=[rejected])) == []
    assert asked(script) == ["c1", "c2", "c3"]


def test_a_grant_for_what_spends_is_bound_by_the_limit_and_lifted_by_no_second_answer() -> None:
    script = waiting(call("c1", "job"), policy=Policy(spending_limit_usd=5.0))
    script.approve_for_session("c1")
    script.tool_done("c1")
    script.finish(call("c2", "job"), call("c3", "job", '{"path": "b"}'))
    assert [effect.tool_call_id for effect in script.ran()] == ["c2"]
    assert asked(script) == ["c3"]
    pending = script.view.pending_approval[0]
    assert "$5.00" in pending.reason and "about $2.00" in pending.reason
    assert pending.grant is msgspec.UNSET
    script.tool_done("c2")
    script.approve("c3")
    assert [effect.tool_call_id for effect in script.ran()] == ["c3"]


def test_in_yolo_mode_calls_run_until_the_limit_then_the_turn_waits_for_an_answer() -> None:
    script = waiting(call("c1", "job"), call("c2", "job"), call("c3", "job"), policy=yolo(5.0))
    assert {effect.tool_call_id for effect in script.ran()} == {"c1", "c2"}
    assert asked(script) == ["c3"]


def test_what_a_call_cost_counts_and_not_what_it_was_thought_to() -> None:
    script = waiting(call("c1", "job"), policy=yolo(5.0))
    script.tool_done("c1", cost_usd=0.5)
    assert script.last(ev.ToolOutput).cost_usd == 0.5
    assert script.view.usage.cost_usd == 0.51
    assert script.session.state.spent_usd == 0.51


def test_a_call_that_does_not_say_what_it_cost_counts_as_estimated_unless_it_failed() -> None:
    script = waiting(call("c1", "job"), call("c2", "job"), policy=yolo(50.0))
    script.tool_done("c1")
    assert script.last(ev.ToolOutput).cost_usd == 2.0
    script.tool_done("c2", success=False)
    assert script.last(ev.ToolOutput).cost_usd is msgspec.UNSET
    assert script.session.state.spent_usd == 2.01


def test_a_cost_that_is_no_sum_is_not_believed() -> None:
    script = waiting(*(call(f"c{n}", "job") for n in range(3)), policy=yolo(50.0))
    for number, told in enumerate((float("nan"), float("inf"), -5.0)):
        script.tool_done(f"c{number}", cost_usd=told)
    assert script.view.usage.cost_usd == 6.01


def test_what_the_model_costs_counts_and_yolo_mode_then_asks_for_everything() -> None:
    script = waiting(call("c1", "read"), policy=yolo(0.02))
    assert script.ran()
    script.tool_done("c1")
    script.finish(call("c2", "read", '{"path": "b"}'))
    assert asked(script) == ["c2"]
    assert "$0.02" in script.view.pending_approval[0].reason
    script.approve("c2")
    assert script.ran()


def test_an_edit_must_pass_what_the_policy_denies() -> None:
    policy = Policy(
        rules=(PolicyRule(action="deny", tool="write", arguments={"path": "secret"}, reason="it is secret"),)
    )
    script = waiting(call("c1", "write"), policy=policy)
    assert script.approve("c1", arguments={"path": "secret"}) == []
    assert refusal(script).code == "invalid_arguments"
    assert "it is secret" in refusal(script).message
    script.approve("c1", arguments={"path": "open"})
    assert script.ran()[0].arguments == {"path": "open"}


def test_a_call_that_the_policy_denies_since_it_was_asked_for_can_only_be_rejected() -> None:
    script = waiting(call("c1", "write"))
    script.rules = rules(policy=Policy(rules=(PolicyRule(action="deny", tool="write", reason="not any more"),)))
    script.restart()
    script.tell(Recover())
    assert asked(script) == ["c1"]
    assert script.approve("c1") == []
    assert refusal(script).code == "forbidden" and "not any more" in refusal(script).message
    assert script.reject("c1") and asked(script) == []


def test_a_call_whose_name_is_another_servers_tool_by_now_can_only_be_rejected() -> None:
    class Served(PlainTools):
        def __init__(self, server: str) -> None:
            self.server = server

        def effects(self, name: str) -> Effects:
            return Effects(f"calls {name} of {self.server}", frozenset({"external", "delete"}), self.server)

    script = waiting(call("c1", "write"), call("c2", "write"), tools=Served("one"))
    assert script.view.pending_approval[0].operation == "one"
    script.rules = rules(tools=Served("two"))
    script.restart()
    script.tell(Recover())
    assert script.approve("c1") == []
    assert refusal(script).code == "forbidden" and "'two' now" in refusal(script).message
    assert script.reject("c1")
    script.rules = rules(tools=Served("one"))
    script.restart()
    script.tell(Recover())
    script.approve("c2")
    assert script.ran()


def test_what_the_policy_denies_is_told_to_the_model_and_not_asked_for() -> None:
    policy = Policy(rules=(PolicyRule(action="deny", tool="write", reason="not here"),), yolo_mode=True)
    script = waiting(call("c1", "write"), policy=policy)
    assert "not here" in script.last(ev.ToolOutput).output
    assert asked(script) == []


def test_what_a_call_that_was_cut_off_may_have_cost_counts_toward_the_limit_and_not_as_the_cost() -> None:
    script = waiting(call("c1", "job"), policy=yolo(5.0))
    script.submit(Interrupt())
    script.say("again")
    script.finish(call("c2", "job"))
    script.restart()
    script.tell(Recover())
    assert script.session.state.spent_usd == 4.02
    assert script.view.usage.cost_usd == 0.02
    script.say("and again")
    script.finish(call("c3", "job"))
    assert asked(script) == ["c3"]


def test_a_call_that_never_ran_costs_nothing() -> None:
    script = waiting(call("c1", "job"))
    script.submit(Interrupt())
    assert script.session.state.spent_usd == 0.01
