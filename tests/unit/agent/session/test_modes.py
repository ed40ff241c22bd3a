"""Modes, rejections for the session and inputs that are taken back: never looser than the policy, told to every client."""

from typing import Any

import pytest

from agent.policy.policy import Policy, PolicyRule
from agent.session.messages import SetGrants, SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, RevokeGrant, SetMode, UserInput, Withdraw
from tests.unit.agent.session.script import Script, call

ALLOWS_WRITE = Policy(rules=(PolicyRule(action="allow", tool="write"),))


def outcome(script: Script, tool: str) -> str:
    """What becomes of the model's next call of this tool: it runs, asks or is refused. Then the call has its result."""
    number = len(script.events)
    call_id = f"c{number}"
    script.finish(call(call_id, tool, f'{{"path": "{number}"}}'))
    if script.view.pending_approval:
        script.reject(call_id)
        return "asks"
    if any(effect.tool_call_id == call_id for effect in script.ran()):
        script.tool_done(call_id)
        return "runs"
    return "refused"


def in_mode(mode: str, policy: Policy, **changes: Any) -> Script:
    script = Script(policy=policy, repeated_calls_noted=99, repeated_calls_max=99, **changes)
    script.submit(SetMode(mode=mode))
    script.say("go")
    return script


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("default", {"read": "runs", "edit": "runs", "write": "runs", "job": "asks"}),
        ("ask", {"read": "runs", "edit": "asks", "write": "asks", "job": "asks"}),
        ("accept-edits", {"read": "runs", "edit": "runs", "write": "runs", "job": "asks"}),
        ("read-only", {"read": "runs", "edit": "refused", "write": "refused", "job": "refused"}),
    ],
)
def test_a_built_in_mode_is_the_policy_or_stricter(mode: str, expected: dict[str, str]) -> None:
    script = in_mode(mode, ALLOWS_WRITE)
    assert {tool: outcome(script, tool) for tool in expected} == expected


def test_a_mode_holds_against_yolo_mode_and_a_denied_call_stays_denied() -> None:
    yolo = Policy(yolo_mode=True, rules=(PolicyRule(action="deny", tool="edit"),))
    assert outcome(in_mode("ask", yolo), "write") == "asks"
    for mode in ("default", "ask", "accept-edits"):
        assert outcome(in_mode(mode, yolo), "edit") == "refused"


def test_only_a_mode_that_the_operator_named_is_looser() -> None:
    policy = Policy(modes={"free": (PolicyRule(action="allow", tool="write"),)})
    assert outcome(in_mode("default", policy), "write") == "asks"
    assert outcome(in_mode("free", policy), "write") == "runs"


def test_a_mode_that_the_server_does_not_have_any_more_asks() -> None:
    script = in_mode("free", Policy(modes={"free": ()}))
    script.rules.policy = ALLOWS_WRITE
    assert outcome(script, "write") == "asks"


def test_the_owner_alone_sets_a_mode_that_there_is() -> None:
    script = Script()
    link = script.link()
    assert script.submit(SetMode(mode="ask"), link) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "forbidden"
    assert script.submit(SetMode(mode="nope")) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "mode_unknown"
    assert script.submit(SetMode(mode="ask")) == ["accepted", "mode_changed"]
    assert script.submit(SetMode(mode="ask")) == ["accepted"]
    assert script.view.mode == "ask"


def test_approved_calls_that_have_not_begun_are_judged_again_in_a_stricter_mode() -> None:
    script = Script(policy=Policy(rules=(PolicyRule(action="ask", tool="job"),)))
    script.say("go")
    script.finish(call("c1", "write"), call("c2", "write", '{"path": "b"}'), call("c3", "job"))
    script.approve_for_session("c1")
    assert [pending.tool_call_id for pending in script.view.pending_approval] == ["c3"]
    script.submit(RevokeGrant(grant="write"))
    script.submit(SetMode(mode="ask"))
    assert {pending.tool_call_id for pending in script.view.pending_approval} == {"c2", "c3"}


def reject_for_session(script: Script, call_id: str, **fields: Any) -> list[str]:
    return script.submit(
        ExecApproval(approvals=[Approval(tool_call_id=call_id, approved=False, scope="session", **fields)])
    )


def test_what_is_rejected_for_the_session_is_refused_until_that_is_revoked() -> None:
    script = Script(repeated_calls_noted=99, repeated_calls_max=99)
    script.say("go")
    script.finish(call("c1", "write"), call("c2", "write", '{"path": "b"}'), call("c3", "job"))
    assert "grant_denied" in reject_for_session(script, "c1", feedback="never")
    assert [pending.tool_call_id for pending in script.view.pending_approval] == ["c3"]
    assert script.view.denials == ["write"]
    assert any(isinstance(effect, SetGrants) and effect.denials == ("write",) for effect in script.effects)
    script.reject("c3")
    assert outcome(script, "write") == "refused"
    assert script.submit(RevokeGrant(grant="write")) == ["accepted", "grant_revoked"]
    assert outcome(script, "write") == "asks"


def test_the_newest_answer_for_the_session_counts() -> None:
    script = Script()
    script.say("go")
    script.finish(call("c1", "job"), call("c2", "write"))
    script.approve_for_session("c1")
    assert script.view.grants == ["job:run"]
    reject_for_session(script, "c2")
    assert (script.view.grants, script.view.denials) == (["job:run"], ["write"])


def test_a_call_without_a_grant_is_rejected_once_alone() -> None:
    script = Script(grants_max=1)
    script.say("go")
    script.finish(call("c1", "wipe"), call("c2", "write"), call("c3", "job"))
    assert reject_for_session(script, "c1") == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "invalid"
    reject_for_session(script, "c2")
    assert reject_for_session(script, "c3") == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "too_many_grants"


def test_an_input_that_waits_is_taken_back_and_one_that_began_is_not() -> None:
    script = Script()
    link = script.link()
    script.submit(UserInput(id="first", text="go"))
    script.submit(UserInput(id="second", text="and then"))
    script.submit(UserInput(id="third", text="a guest's"), link)
    assert script.submit(Withdraw(submission_id="first")) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "input_unknown"
    assert script.submit(Withdraw(submission_id="second"), link) == []
    assert script.submit(Withdraw(submission_id="second")) == ["accepted", "input_withdrawn"]
    assert script.submit(Withdraw(submission_id="third"), link) == ["accepted", "input_withdrawn"]
    assert script.view.queued == []
    script.finish()
    assert [event.submission_id for event in script.events if isinstance(event, ev.Processing)] == ["first"]
