"""Submissions as scripts: undo, edit, compaction, models, titles, links, shutdown and refusals."""

import msgspec
import pytest

from agent.session.messages import EndSession, SubmissionRefusal, SummaryFailed
from protocol import events as ev
from protocol.content import UserMessage
from protocol.submissions import (
    Compact,
    Edit,
    Interrupt,
    SetModel,
    SetTitle,
    Share,
    Shutdown,
    Submission,
    Undo,
    Unshare,
    UserInput,
)
from tests.unit.agent.session.script import Script, call


def answered(*texts: str, **changes: object) -> Script:
    """A session that answered each of these."""
    script = Script(**changes)
    for text in texts:
        script.say(text)
        script.stream(f"About {text}: " + "x" * 400)
        script.finish(usage=None)
    return script


def refusal(script: Script) -> str:
    assert isinstance(script.answer, SubmissionRefusal)
    return script.answer.code


def test_undo_takes_the_last_turn_out_of_the_history() -> None:
    script = answered("one", "two")
    assert script.submit(Undo()) == ["accepted", "undo_complete"]
    assert script.last(ev.UndoComplete).removed_messages == 2
    assert [m.text for m in script.view.messages][0] == "one"
    script.say("three")
    assert "two" not in str(script.called().messages)


def test_undo_lists_side_effects_that_remain() -> None:
    script = Script()
    script.say("write")
    script.finish(call("c1", "write"))
    script.approve("c1")
    script.tool_done("c1")
    script.finish()
    script.submit(Undo())
    assert script.last(ev.UndoComplete).kept == ["write: files written"]


def test_undo_takes_steered_inputs_with_their_turn() -> None:
    script = Script()
    script.say("one")
    script.stream("First.")
    script.say("and more", when="steer")
    script.finish()
    script.stream("Second.")
    script.finish()
    script.submit(Undo())
    assert script.view.messages == []


def test_undo_without_a_turn_is_refused() -> None:
    script = Script()
    assert script.submit(Undo()) == []
    assert refusal(script) == "nothing_to_undo"


@pytest.mark.parametrize("operation", [Undo(), Compact()])
def test_undo_and_compact_while_a_turn_runs_are_refused_as_busy(operation: Submission) -> None:
    script = Script()
    script.say("one")
    assert script.submit(operation) == []
    assert refusal(script) == "busy"


def test_undo_after_an_interrupted_turn_with_calls_leaves_a_valid_history() -> None:
    script = answered("one")
    script.say("read")
    script.finish(call("c1"), call("c2", "write"))
    script.submit(Interrupt())
    script.submit(Undo())
    assert len(script.view.messages) == 2


def test_compaction_puts_a_summary_in_the_place_of_the_older_messages() -> None:
    script = answered("one", "two", "three", context_limit=lambda model: 1_000, overhead_tokens=10)
    assert script.submit(Compact()) == ["accepted"]
    assert script.summarizes()
    assert script.view.state == "running"
    assert script.summarised("They spoke of one and two.") == ["usage", "compacted"]
    assert script.view.state == "idle"
    assert len(script.view.messages) == 6
    script.say("four")
    assert "They spoke of one and two." in str(script.called().messages[1])
    assert "About one" not in str(script.called().messages)


def test_compaction_happens_by_itself_when_the_context_is_nearly_full() -> None:
    script = answered("one", "two", "three", "four", context_limit=lambda model: 600, overhead_tokens=100)
    script.say("five " + "y" * 400)
    assert script.summarizes()
    assert script.summarised("Short.") == ["usage", "compacted"]
    assert "Short.\n\nfive" in str(script.called().messages[-1]["content"]).replace("\\n", "\n")


def test_compaction_also_frees_space_where_it_begins_early() -> None:
    changes = {"compact_at": 0.2, "context_limit": lambda model: 2_000, "overhead_tokens": 10}
    script = answered("one", "two", "three", "four", **changes)
    script.say("five " + "y" * 400)
    assert script.summarizes()


def test_message_too_large_to_compact_ends_the_turn_with_an_error() -> None:
    script = Script(context_limit=lambda model: 1_000, overhead_tokens=100)
    script.say("z" * 8_000)
    assert not script.summarizes()
    error = script.last(ev.ErrorEvent)
    assert error.code == "context_overflow"
    script.say("w" * 8_000)
    if script.summarizes():
        script.summarised("Two long texts.")
    assert script.view.state == "idle"
    assert script.last(ev.ErrorEvent).code == "context_overflow"


def test_a_summary_that_fails_leaves_the_context_as_it_was() -> None:
    script = answered("one", "two", "three", context_limit=lambda model: 1_000, overhead_tokens=10)
    script.submit(Compact())
    failed = SummaryFailed(script.session.summary_id or "", "model_unavailable", "no", True)
    assert script.handle(failed) == ["error"]
    assert script.last(ev.ErrorEvent).code == "compaction_failed"
    script.say("four")
    assert "About one" in str(script.called().messages)


def test_an_empty_summary_is_an_error() -> None:
    script = answered("one", "two", "three", context_limit=lambda model: 1_000, overhead_tokens=10)
    script.submit(Compact())
    assert script.summarised("  ") == ["error"]


def test_an_interrupt_stops_a_compaction() -> None:
    script = answered("one", "two", "three", context_limit=lambda model: 1_000, overhead_tokens=10)
    script.submit(Compact())
    assert script.submit(Interrupt()) == ["accepted", "usage", "interrupted"]
    assert script.summarised("late") == []
    assert script.view.state == "idle"


def test_an_input_during_a_compaction_has_its_turn_after_it() -> None:
    script = answered("one", "two", "three", context_limit=lambda model: 1_000, overhead_tokens=10)
    script.submit(Compact())
    assert script.say("four") == ["accepted"]
    assert script.summarised("Short.")[-2:] == ["compacted", "processing"]


def test_a_turn_that_is_part_of_a_summary_cannot_be_undone() -> None:
    script = answered("one", context_limit=lambda model: 1_000, overhead_tokens=10)
    script.say("two")
    script.finish(call("a"))
    script.tool_done("a", "r" * 2_000)
    script.stream("x" * 1_200)
    script.finish()
    script.submit(Compact())
    script.summarised("Short.")
    script.submit(Undo())
    assert refusal(script) == "nothing_to_undo"


def test_compacting_a_short_conversation_is_refused() -> None:
    script = answered("one")
    script.submit(Compact())
    assert refusal(script) == "nothing_to_compact"


def test_another_model_answers_from_the_next_call_on() -> None:
    script = Script()
    assert script.submit(SetModel(model="other/model")) == ["accepted", "model_changed"]
    script.say("hi")
    assert script.called().model == "other/model"


def test_reasoning_effort_is_passed_to_the_model() -> None:
    script = Script()
    effort = SetModel(model="test/model", reasoning_effort="high")
    assert script.submit(effort) == ["accepted", "model_changed"]
    assert script.submit(effort) == ["accepted"]
    script.say("hi")
    assert (script.called().model, script.called().reasoning_effort) == ("test/model", "high")


def test_a_model_that_is_not_offered_is_refused() -> None:
    script = Script()
    assert script.submit(SetModel(model="nope")) == []
    assert refusal(script) == "unknown_model"


def test_edit_continues_from_an_earlier_message() -> None:
    script = answered("one", "two", "three")
    second = [m for m in script.view.messages if isinstance(m, UserMessage)][1]
    assert script.submit(Edit(turn_id=second.turn_id, text="zwei")) == ["accepted", "undo_complete", "processing"]
    assert script.last(ev.UndoComplete).removed_messages == 4
    assert [m["content"] for m in script.called().messages if m["role"] == "user"] == ["one", "zwei"]
    assert [m.text for m in script.view.messages if isinstance(m, UserMessage)] == ["one", "zwei"]


def test_an_edit_of_a_missing_turn_or_during_a_turn_is_refused() -> None:
    script = answered("one")
    assert script.submit(Edit(turn_id="nope", text="x")) == []
    assert refusal(script) == "turn_unknown"
    first = script.view.messages[0]
    assert isinstance(first, UserMessage)
    script.say("two")
    assert script.submit(Edit(turn_id=first.turn_id, text="x")) == []
    assert refusal(script) == "busy"


def test_an_edit_that_exceeds_the_history_limit_is_refused_without_undo() -> None:
    script = answered("one", history_chars_max=1_000)
    first = script.view.messages[0]
    assert isinstance(first, UserMessage)
    assert script.submit(Edit(turn_id=first.turn_id, text="x" * 1_001)) == []
    assert refusal(script) == "history_full"
    assert script.view.messages[0] == first


def test_user_sets_the_title() -> None:
    script = Script()
    assert script.submit(SetTitle(title="Owls")) == ["accepted", "title_changed"]
    assert script.view.title == "Owls"
    assert script.submit(SetTitle(title="Owls")) == ["accepted"]


def test_links_are_made_and_revoked_with_an_event_each() -> None:
    script = Script()
    assert script.submit(Share(access="read")) == ["accepted", "shared"]
    assert script.submit(Share(access="drive")) == ["accepted", "shared"]
    first, second = script.view.shares
    assert (first.access, second.access) == ("read", "drive")
    assert first.share_id != second.share_id
    assert script.submit(Unshare(share_id=first.share_id)) == ["accepted", "unshared"]
    assert script.view.shares == [second]
    assert script.submit(Unshare(share_id=first.share_id)) == []
    assert refusal(script) == "share_unknown"


def test_links_beyond_the_maximum_are_refused() -> None:
    script = Script(shares_max=1)
    script.submit(Share(access="read"))
    assert script.submit(Share(access="read")) == []
    assert refusal(script) == "too_many_shares"


def test_shutdown_revokes_links() -> None:
    script = Script()
    script.submit(Share(access="read"))
    assert script.submit(Shutdown()) == ["accepted", "unshared", "shutdown"]
    assert script.view.shares == []


def test_shutdown_ends_what_runs_and_takes_no_more() -> None:
    script = Script()
    script.say("one")
    script.stream("Par")
    assert script.submit(Shutdown()) == ["accepted", "assistant_message", "usage", "interrupted", "shutdown"]
    assert any(isinstance(effect, EndSession) for effect in script.effects)
    assert script.view.state == "closed"
    assert script.say("two") == []
    assert refusal(script) == "session_closed"


def test_an_interrupt_with_nothing_running_is_refused() -> None:
    script = Script()
    assert script.submit(Interrupt()) == []
    assert refusal(script) == "nothing_to_interrupt"


def test_approval_of_a_finished_or_unknown_call_is_refused() -> None:
    script = Script()
    script.say("write")
    script.finish(call("c1", "write"))
    assert script.approve("c9") == []
    assert refusal(script) == "approval_unknown"
    script.approve("c1")
    assert script.approve("c1") == []
    assert refusal(script) == "approval_stale"
    script.tool_done("c1")
    script.reject("c1")
    assert refusal(script) == "approval_stale"


def test_one_stale_answer_refuses_the_whole_submission() -> None:
    script = Script()
    script.say("write")
    script.finish(call("c1", "write"), call("c2", "write"))
    assert script.approve("c1", "c9") == []
    assert len(script.view.pending_approval) == 2


def test_edited_arguments_that_do_not_fit_are_refused_and_the_call_still_waits() -> None:
    script = Script()
    script.say("write")
    script.finish(call("c1", "write"))
    script.approve("c1", arguments={"path": 3})
    assert refusal(script) == "invalid_arguments"
    assert len(script.view.pending_approval) == 1


def test_more_inputs_than_may_wait_are_refused() -> None:
    script = Script(queued_inputs_max=2)
    for text in ("runs", "waits", "waits too"):
        script.say(text)
    assert script.say("one too many") == []
    assert refusal(script) == "queue_full"


def test_a_full_history_takes_no_more_input() -> None:
    script = Script(history_chars_max=10)
    assert script.say("x" * 11) == []
    assert refusal(script) == "history_full"


def test_an_accepted_submission_names_the_link_that_its_sender_came_by() -> None:
    script = Script()
    link = script.link()
    script.submit(UserInput(text="hello"), link)
    assert script.last(ev.Accepted).share_id == link
    script.submit(UserInput(text="hello"))
    assert script.last(ev.Accepted).share_id is msgspec.UNSET


def test_a_submission_that_waited_while_its_senders_link_was_revoked_is_refused() -> None:
    script = Script()
    link = script.link()
    script.submit(Unshare(share_id=link))
    assert script.submit(UserInput(text="hello"), link) == []
    assert isinstance(script.answer, SubmissionRefusal)
    assert (script.answer.code, script.answer.message) == ("forbidden", "your link was revoked")
