"""Recovery: how a session continues after a crash, a stop, or a fault, as scripts."""

from agent.session.messages import CancelWork, Fail, HandOver, Recover, Stop, SubmissionRefusal, ToolSpent, ToolStepped
from protocol import events as ev
from protocol.content import AssistantMessage, Step, ToolMessage
from protocol.submissions import Compact, Interrupt
from tests.unit.agent.session.script import USAGE, Script, call


def test_partial_text_is_kept_and_sealed_and_the_session_is_idle() -> None:
    script = Script()
    script.say("tell me")
    script.stream("Once upon")
    script.restart()
    assert script.handle(Recover()) == ["assistant_message", "usage", "interrupted"]
    assert script.last(ev.Interrupted).reason == "restart"
    message = script.view.messages[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.text, message.sealed, script.view.state) == ("Once upon", True, "idle")
    script.say("go on")
    assert script.calls_model


def test_a_tool_that_ran_is_outcome_unknown_and_is_not_run_again() -> None:
    script = Script()
    script.say("read")
    script.finish(call("c1"), call("c2"))
    script.tool_done("c1")
    script.restart()
    script.handle(Recover())
    assert not script.ran()
    results = {m.tool_call_id: m.state for m in script.view.messages if isinstance(m, ToolMessage)}
    assert results == {"c1": "completed", "c2": "outcome_unknown"}


def test_a_waiting_approval_still_waits_and_then_runs() -> None:
    script = Script()
    script.say("write")
    script.finish(call("c1", "write"))
    script.restart()
    assert script.handle(Recover()) == []
    assert script.view.state == "awaiting_approval"
    script.approve("c1")
    assert [run.tool_call_id for run in script.ran()] == ["c1"]


def test_a_call_that_ran_beside_a_waiting_approval_is_outcome_unknown_and_the_approval_waits() -> None:
    script = Script()
    script.say("both")
    script.finish(call("c1", "read"), call("c2", "write"))
    script.restart()
    assert script.handle(Recover()) == ["tool_state_change"]
    assert script.view.state == "awaiting_approval"
    script.approve("c2")
    script.tool_done("c2")
    assert script.calls_model


def test_an_approved_call_that_waits_for_the_others_answers_still_runs_after_a_restart() -> None:
    script = Script()
    script.say("both")
    script.finish(call("c1", "write"), call("c2", "write"))
    script.approve("c1")
    script.restart()
    script.handle(Recover())
    script.reject("c2")
    assert [run.tool_call_id for run in script.ran()] == ["c1"]


def test_inputs_that_waited_have_their_turn_after_a_restart() -> None:
    script = Script()
    script.say("one")
    script.say("two")
    script.restart()
    assert script.handle(Recover()) == ["interrupted", "processing"]
    assert script.called().messages[-1]["content"] == "one\n\ntwo"


def test_compaction_under_way_is_interrupted() -> None:
    script = Script(context_limit=lambda model: 1_000, overhead_tokens=10)
    for text in ("one", "two", "three"):
        script.say(text)
        script.stream("x" * 800)
        script.finish()
    script.submit(Compact())
    script.restart()
    assert script.handle(Recover()) == ["interrupted"]
    assert script.view.state == "idle"


def test_idle_session_recovers_without_events() -> None:
    script = Script()
    script.say("one")
    script.finish()
    script.restart()
    assert script.handle(Recover()) == []


def test_server_stop_interrupts_the_turn() -> None:
    script = Script()
    script.say("one")
    script.stream("Par")
    script.say("two")
    assert script.handle(Stop()) == ["assistant_message", "usage", "interrupted"]
    assert script.last(ev.Interrupted).reason == "shutdown"
    script.restart()
    assert script.handle(Recover()) == ["processing"]


def test_a_stop_of_the_server_leaves_a_waiting_approval_waiting() -> None:
    script = Script()
    script.say("both")
    script.finish(call("c1", "read"), call("c2", "write"))
    assert script.handle(Stop()) == ["tool_state_change"]
    script.restart()
    script.handle(Recover())
    assert script.view.state == "awaiting_approval"


def test_a_fault_under_a_turn_ends_it_with_an_error() -> None:
    script = Script()
    script.say("one")
    assert script.handle(Fail("journal_unavailable", "the disk is full", True)) == ["usage", "error"]
    assert script.view.state == "idle"
    assert script.handle(Fail("internal", "oops", True)) == ["error"]


def test_a_sub_agent_cut_off_by_a_kill_is_of_unknown_outcome_and_keeps_its_steps() -> None:
    script = Script()
    script.say("look")
    script.finish(call("c1"))
    step = Step("1.1", "list", {}, "nothing", True, 3)
    assert script.handle(ToolStepped("c1", step)) == ["tool_step"]
    assert script.handle(ToolSpent("c1", USAGE)) == ["usage"]
    script.restart()
    script.handle(Recover())
    result = script.view.messages[-1]
    assert (result.state, result.steps) == ("outcome_unknown", [step])
    assert script.ran() == []


def test_steps_of_a_sub_agent_are_ignored_after_its_call_ended() -> None:
    script = Script()
    script.say("look")
    script.finish(call("c1"))
    script.submit(Interrupt())
    assert script.handle(ToolStepped("c1", Step("1.1", "list", {}))) == []
    assert script.handle(ToolSpent("c1", USAGE)) == []


def test_sub_agent_that_exhausts_the_budget_ends_the_turn() -> None:
    spent: list[SubmissionRefusal] = []
    script = Script(refuse_work=lambda: spent[0] if spent else None)
    script.say("look")
    script.finish(call("c1"))
    spent.append(SubmissionRefusal("budget_exhausted", "nothing is left for today"))
    assert script.handle(ToolSpent("c1", USAGE)) == ["usage", "tool_state_change", "error"]
    assert script.last(ev.ErrorEvent).code == "budget_exhausted"
    assert any(isinstance(effect, CancelWork) for effect in script.effects)


def test_a_session_that_another_server_goes_on_with_ends_its_turn_and_begins_no_further_one() -> None:
    script = Script()
    script.say("one")
    script.say("two")
    assert script.handle(HandOver()) == []
    script.finish()
    assert script.view.state == "idle" and [queued.text for queued in script.view.queued] == ["two"]
    assert script.handle(Stop()) == []
    script.restart()
    assert script.handle(Recover()) == ["processing"]
