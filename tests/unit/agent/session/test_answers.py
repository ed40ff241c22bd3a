"""Answers: what they cost when they are cut short, what of them is context, and why one is empty."""

import pytest
from msgspec import UNSET

from agent.models import ModelUsage
from protocol import events as ev
from protocol.submissions import Interrupt, UserInput
from tests.unit.agent.session.script import Script, call


def test_an_answer_that_is_cut_short_is_counted_by_an_estimate() -> None:
    script = Script(cost_usd=lambda model, sent, wrote: sent * 0.001 + wrote)
    script.say("tell me")
    script.stream("Hm. " * 10, "reasoning")
    script.stream("Once upon a time" * 100)
    script.submit(Interrupt())
    usage = script.last(ev.UsageEvent)
    assert (usage.estimated, usage.output_tokens) == (True, 410)
    assert usage.input_tokens >= script.rules.overhead_tokens
    assert usage.cost_usd == script.session.state.spent_usd > 400
    assert usage.context_tokens > usage.input_tokens, "what was written is sent again"


def test_a_call_that_fails_before_its_first_word_is_not_counted() -> None:
    script = Script()
    script.say("tell me")
    assert script.model_fails() == ["error"]


def test_reasoning_is_no_part_of_the_context() -> None:
    script = Script(context_limit=lambda model: 128_000)
    script.say("What is six times seven?")
    script.stream("42")
    script.finish(usage=ModelUsage(41_000, 60_000, 0, None, reasoning_tokens=59_990))
    assert script.last(ev.UsageEvent).output_tokens == 60_000
    assert script.view.usage.context_tokens == 41_010
    script.say("And seven times seven?")
    assert script.calls_model, "nothing is compacted"


def test_an_estimate_is_marked_as_one() -> None:
    script = Script()
    script.say("hello")
    script.stream("Hello.")
    script.finish(usage=ModelUsage(100, 10, 0, None, estimated=True))
    assert script.last(ev.UsageEvent).estimated is True
    script.say("hello")
    script.stream("Hello.")
    script.finish()
    assert script.last(ev.UsageEvent).estimated is UNSET


@pytest.mark.parametrize(
    ("reason", "says"), [("content_filter", "content filter"), ("length", "all the tokens"), ("pause_turn", "paused")]
)
def test_an_answer_without_a_word_says_why(reason: str, says: str) -> None:
    script = Script()
    script.say("tell me")
    assert script.finish(reason=reason)[-1] == "error"
    error = script.last(ev.ErrorEvent)
    assert error.code == "model_no_answer"
    assert says in error.message
    script.say("again")
    script.stream("Half")
    assert script.finish(reason=reason)[-1] == "turn_complete", "what was written is an answer"
    assert script.view.messages[-1].finish_reason == reason


def test_thoughts_alone_are_no_answer() -> None:
    script = Script()
    script.say("tell me")
    script.stream("Hm.", "reasoning")
    script.finish()
    assert script.last(ev.ErrorEvent).code == "model_no_answer"
    script.say("read")
    script.finish(call("c1"))
    script.tool_done("c1")
    assert script.finish()[-1] == "turn_complete", "after a result a model may have nothing to add"


def test_a_refusal_of_a_long_conversation_compacts_it_to_the_limit_that_was_learned() -> None:
    limit = [100_000]
    script = Script(context_limit=lambda model: limit[0], overhead_tokens=100)
    for number in range(8):
        script.say(f"About {number}. " + "word " * 200)
        script.stream("word " * 200)
        script.finish(usage=None)
    script.say("And?")
    limit[0] = 2_048
    script.model_fails("model_context_exceeded", False)
    assert script.summarizes()
    script.summarised("They talked.")
    assert script.calls_model
    assert script.view.state == "running"


def test_a_refusal_that_compaction_cannot_mend_ends_the_turn() -> None:
    script = Script(context_limit=lambda model: 2_048)
    script.say("one")
    assert script.model_fails("model_context_exceeded", False) == ["error"]


def test_arguments_of_calls_count_as_history() -> None:
    script = Script(history_chars_max=20_000)
    for number in range(2):
        script.say("write")
        script.finish(call(f"c{number}", "read", '{"path": "%s"}' % ("x" * 12_000)))
        script.tool_done(f"c{number}")
        if number == 0:
            script.finish()
    assert script.last(ev.ErrorEvent).code == "history_full"
    assert script.say("more") == []


def test_inputs_that_wait_are_bounded_together() -> None:
    """They are in every snapshot, whole."""
    script = Script()
    script.say("one")
    assert script.say("x" * 1_000_000) == ["accepted"]
    assert script.submit(UserInput(text="x" * 100_000)) == []
    assert script.answer is not None and script.answer.code == "queue_full"  # type: ignore[union-attr]
    assert script.say("short") == ["accepted"]


def test_a_summary_holds_no_thoughts() -> None:
    script = Script(context_limit=lambda model: 1_000, overhead_tokens=10)
    for number in range(3):
        script.say(f"About {number}. " + "x" * 800)
        script.stream("y" * 800)
        script.finish(usage=None)
        if script.summarizes():
            break
    script.say("more")
    assert script.session.summary_id is not None
    script.summarised("<think>The SECRET PLAN</think>They talked.")
    assert script.last(ev.Compacted).summary == "They talked."
