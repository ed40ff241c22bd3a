"""Turns as scripts: the events that follow from inputs."""

from agent.models import ModelReply, ModelUsage
from agent.session.messages import CancelWork, ModelDone, ToolLogged
from protocol import events as ev
from protocol.content import AssistantMessage, PlanItem, ToolMessage, UserMessage
from protocol.submissions import Interrupt
from tests.unit.agent.session.script import Script, call


def test_a_question_is_answered_in_one_turn() -> None:
    script = Script()
    assert script.say("hello") == ["accepted", "processing", "title_changed"]
    assert script.called().messages[-1] == {"role": "user", "content": "hello"}
    assert script.stream("Hi ") == ["assistant_chunk"]
    assert script.stream("there") == ["assistant_chunk"]
    assert script.last(ev.AssistantChunk).offset == 3
    assert script.finish() == ["assistant_message", "usage", "turn_complete"]
    done = script.last(ev.TurnComplete)
    assert (done.final_response, done.history_size) == ("Hi there", 2)
    assert script.view.state == "idle"


def test_reasoning_and_text_are_counted_apart() -> None:
    script = Script()
    script.say("hello")
    script.stream("hmm", "reasoning")
    script.stream("Hi")
    assert script.last(ev.AssistantChunk).offset == 0
    script.stream(" well", "reasoning")
    assert script.last(ev.AssistantChunk).offset == 3
    script.finish()
    assert (script.view.messages[-1].text, script.view.messages[-1].reasoning) == ("Hi", "hmm well")


def test_text_larger_than_a_chunk_becomes_several_chunks() -> None:
    script = Script(chunk_max_chars=10)
    script.say("hello")
    assert script.stream("x" * 25) == ["assistant_chunk"] * 3
    assert script.view.open_message.text == "x" * 25


def test_a_free_tool_runs_at_once_and_its_result_goes_back_to_the_model() -> None:
    script = Script()
    script.say("read it")
    assert script.finish(call("c1")) == ["assistant_message", "usage", "tool_call", "tool_state_change"]
    assert [run.tool for run in script.ran()] == ["read"]
    assert script.tool_done("c1", "content") == ["tool_output"]
    assert script.called().messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": "content"}


def test_calls_of_one_message_run_together_and_their_results_keep_the_order_of_the_calls() -> None:
    script = Script()
    script.say("read both")
    script.finish(call("c1"), call("c2"))
    assert len(script.ran()) == 2
    script.tool_done("c2", "second")
    assert not script.effects
    script.tool_done("c1", "first")
    assert [m["content"] for m in script.called().messages[-2:]] == ["first", "second"]
    assert [m.output for m in script.view.messages if isinstance(m, ToolMessage)] == ["first", "second"]


def test_a_tool_that_writes_waits_for_approval_and_then_runs_as_approved() -> None:
    script = Script()
    script.say("write it")
    types = script.finish(call("c1", "write", '{"path":"a"}'))
    assert types == ["assistant_message", "usage", "tool_call", "approval_required"]
    assert script.view.state == "awaiting_approval"
    assert not script.ran()
    assert script.approve("c1") == ["accepted", "tool_state_change", "tool_state_change"]
    assert script.ran()[0].arguments == {"path": "a"}
    assert script.view.state == "running"


def test_edited_arguments_run_and_the_model_sees_them() -> None:
    script = Script()
    script.say("write it")
    script.finish(call("c1", "write", '{"path":"a"}'))
    script.approve("c1", arguments={"path": "b"})
    assert script.ran()[0].arguments == {"path": "b"}
    script.tool_done("c1")
    assert '{"path":"b"}' in str(script.called().messages[-1]["content"])


def test_a_rejection_with_feedback_reaches_the_model() -> None:
    script = Script()
    script.say("write it")
    script.finish(call("c1", "write"))
    assert script.reject("c1", feedback="not there") == ["accepted", "tool_state_change"]
    assert "not there" in str(script.called().messages[-1]["content"])


def test_answers_may_come_in_parts_and_the_turn_goes_on_with_the_last() -> None:
    script = Script()
    script.say("write both")
    script.finish(call("c1", "write"), call("c2", "write"))
    assert script.approve("c1") == ["accepted", "tool_state_change"]
    assert script.view.state == "awaiting_approval"
    assert not script.ran()
    script.reject("c2")
    assert [run.tool_call_id for run in script.ran()] == ["c1"]


def test_a_free_call_beside_a_waiting_one_runs_meanwhile() -> None:
    script = Script()
    script.say("both")
    script.finish(call("c1", "read"), call("c2", "write"))
    assert [run.tool_call_id for run in script.ran()] == ["c1"]
    script.tool_done("c1")
    assert script.view.state == "awaiting_approval"
    script.approve("c2")
    script.tool_done("c2")
    assert [m["tool_call_id"] for m in script.called().messages[-2:]] == ["c1", "c2"]


def test_an_input_while_approvals_wait_abandons_them_and_the_turn_goes_on_with_it() -> None:
    script = Script()
    script.say("write it")
    script.finish(call("c1", "write"))
    types = script.say("never mind, say hi")
    assert types == ["accepted", "tool_state_change", "input_joined"]
    assert script.last(ev.ToolStateChange).state == "abandoned"
    messages = script.called().messages
    assert "without answering" in str(messages[-2]["content"])
    assert messages[-1]["content"] == "never mind, say hi"


def test_an_input_while_a_turn_runs_waits_its_turn() -> None:
    script = Script()
    script.say("one")
    assert script.say("two") == ["accepted"]
    assert [m.text for m in script.view.messages] == ["one"]
    script.stream("First.")
    assert script.finish()[-2:] == ["turn_complete", "processing"]
    assert script.called().messages[-1]["content"] == "two"


def test_a_steering_input_joins_before_the_next_model_call() -> None:
    script = Script()
    script.say("read it")
    script.finish(call("c1"))
    assert script.say("in French, please", when="steer") == ["accepted"]
    assert script.tool_done("c1") == ["tool_output", "input_joined"]
    assert script.called().messages[-1]["content"] == "in French, please"


def test_a_steering_input_during_the_last_message_keeps_the_turn_going() -> None:
    script = Script()
    script.say("one")
    script.stream("Done.")
    script.say("and in French", when="steer")
    assert script.finish() == ["assistant_message", "usage", "input_joined"]
    assert [m["role"] for m in script.called().messages[-3:]] == ["user", "assistant", "user"]


def test_an_interrupt_keeps_the_partial_text_sealed_and_ends_the_turn() -> None:
    script = Script()
    script.say("tell me")
    script.stream("Once upon")
    assert script.submit(Interrupt()) == ["accepted", "assistant_message", "usage", "interrupted"]
    assert any(isinstance(effect, CancelWork) for effect in script.effects)
    sealed = script.view.messages[-1]
    assert isinstance(sealed, AssistantMessage)
    assert (sealed.text, sealed.sealed) == ("Once upon", True)
    assert script.view.state == "idle"


def test_late_results_after_an_interrupt_are_ignored() -> None:
    script = Script()
    script.say("read")
    message_id = script.session.model_call_id
    assert message_id is not None
    script.submit(Interrupt())
    assert script.handle(ModelDone(message_id, ModelReply((), "stop", None))) == []
    script.say("again")
    script.finish(call("c1"))
    script.submit(Interrupt())
    assert script.tool_done("c1") == []
    assert script.handle(ToolLogged("c1", "late")) == []


def test_an_interrupt_cancels_running_calls_and_abandons_waiting_ones() -> None:
    script = Script()
    script.say("both")
    script.finish(call("c1", "read"), call("c2", "write"))
    script.submit(Interrupt())
    states = {e.tool_call_id: e.state for e in script.events if isinstance(e, ev.ToolStateChange)}
    assert states == {"c1": "cancelled", "c2": "abandoned"}
    assert script.view.pending_approval == []


def test_after_an_interrupt_the_next_waiting_input_has_its_turn() -> None:
    script = Script()
    script.say("one")
    script.say("two")
    assert script.submit(Interrupt())[-2:] == ["interrupted", "processing"]


def test_an_error_of_the_model_ends_the_turn_and_the_next_one_works() -> None:
    script = Script()
    script.say("one")
    script.stream("Partial")
    assert script.model_fails() == ["assistant_message", "usage", "error"]
    error = script.last(ev.ErrorEvent)
    assert (error.code, error.retryable, error.turn_id) == ("model_unavailable", True, "turn-2")
    script.say("two")
    assert script.called().messages[-1]["content"] == "two"


def test_malformed_arguments_go_back_to_the_model_as_a_failed_result() -> None:
    script = Script()
    script.say("read")
    types = script.finish(call("c1", "read", '{"path": "a'))
    assert types == ["assistant_message", "usage", "tool_call", "tool_output"]
    assert "not a JSON object" in str(script.called().messages[-1]["content"])


def test_call_cut_by_the_output_limit_gets_a_complaint() -> None:
    script = Script()
    script.say("read")
    script.finish(call("c1", "read", '{"path": "a'), reason="length")
    assert "output limit" in str(script.called().messages[-1]["content"])


def test_an_unknown_tool_and_two_calls_with_one_id_get_a_result_each() -> None:
    script = Script()
    script.say("go")
    script.finish(call("c1", "fly to"), call("c1"), call(""))
    for run in script.ran():
        script.tool_done(run.tool_call_id)
    ids = [m.tool_call_id for m in script.view.messages if isinstance(m, ToolMessage)]
    assert ids[0] == "c1" and len(set(ids)) == 3


def test_an_id_the_model_used_in_an_earlier_message_is_replaced() -> None:
    script = Script()
    script.say("go")
    script.finish(call("call_0"))
    script.tool_done("call_0")
    script.finish(call("call_0"))
    assert script.ran()[0].tool_call_id != "call_0"


def test_calls_beyond_the_bound_of_one_message_are_not_run() -> None:
    script = Script(tool_calls_per_message_max=2)
    script.say("go")
    script.finish(call("a"), call("b"), call("c"))
    assert [run.tool_call_id for run in script.ran()] == ["a", "b"]
    assert script.last(ev.ToolOutput).success is False


def test_a_turn_ends_with_an_error_when_its_model_calls_are_used_up() -> None:
    script = Script(max_iterations=2)
    script.say("go")
    script.finish(call("a"))
    script.tool_done("a")
    script.finish(call("b"))
    assert script.tool_done("b") == ["tool_output", "error"]
    assert script.last(ev.ErrorEvent).code == "max_iterations"
    script.say("go on")
    assert script.calls_model


def test_plan_emits_plan_update() -> None:
    script = Script()
    script.say("plan")
    script.finish(call("p", "plan"))
    assert script.tool_done("p", plan=(PlanItem("first", "pending"),)) == ["plan_update", "tool_output"]
    assert script.view.plan == [PlanItem("first", "pending")]


def test_live_output_of_a_tool_is_logged_by_offset() -> None:
    script = Script()
    script.say("read")
    script.finish(call("c1"))
    script.handle(ToolLogged("c1", "one "))
    script.handle(ToolLogged("c1", "two"))
    assert script.last(ev.ToolLog).offset == 4
    assert script.view.open_calls[0].log == "one two"


def test_usage_adds_up_and_an_unknown_price_stays_unknown() -> None:
    script = Script()
    script.say("one")
    script.finish()
    assert script.view.usage.cost_usd == 0.01
    script.say("two")
    script.finish(usage=ModelUsage(5, 5, 5, None))
    assert (script.view.usage.input_tokens, script.view.usage.cost_usd) == (105, None)


def test_a_message_without_text_is_left_out_of_the_context() -> None:
    script = Script()
    script.say("one")
    script.finish()
    script.say("two")
    assert script.called().messages[1:] == [{"role": "user", "content": "one\n\ntwo"}]
    assert isinstance(script.view.messages[0], UserMessage)
