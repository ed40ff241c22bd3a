"""Prompts: when each is answered, and with what."""

import pytest

from clients.acp.rpc import Failure
from clients.session.outcomes import CaughtUp, Ended, Reconnecting, Rejected
from clients.session.reconnect import Action
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import UserMessage
from protocol.view import View
from tests.unit.clients.acp.script import Script


def test_a_prompt_is_answered_when_its_turn_ends() -> None:
    script = Script().opened()
    script.prompted()
    script.said("hello")
    assert 7 not in script.answers
    script.done()
    assert script.answers[7] == {"stopReason": "end_turn"}


def test_a_prompt_is_not_answered_by_the_end_of_another_turn() -> None:
    script = Script().opened()
    [mine] = script.keep(script.mapping.prompt(7, [{"type": "text", "text": "hi"}]))
    script.accepted(sub.UserInput(id="other", text="from the page"))
    script.begins("other", "t1")
    script.accepted(mine)  # type: ignore[arg-type]  # a prompt gives one submission
    script.done("t1")
    assert 7 not in script.answers
    script.begins("s1", "t2")
    script.done("t2")
    assert script.answers[7] == {"stopReason": "end_turn"}


@pytest.mark.parametrize(
    ("reason", "stop"), [("length", "max_tokens"), ("content_filter", "refusal"), ("stop", "end_turn")]
)
def test_the_stop_reason_tells_how_the_last_message_ended(reason: str, stop: str) -> None:
    script = Script().opened()
    script.prompted()
    script.said("hello", finish_reason=reason)
    script.done()
    assert script.answers[7] == {"stopReason": stop}


def test_a_turn_that_used_up_its_model_calls_says_so() -> None:
    script = Script().opened()
    script.prompted()
    script.event(ev.ErrorEvent, code="max_iterations", message="enough", retryable=True, turn_id="t1")
    assert script.answers[7] == {"stopReason": "max_turn_requests"}


def test_a_failed_turn_is_an_error_in_the_servers_words() -> None:
    script = Script().opened()
    script.prompted()
    script.event(ev.ErrorEvent, code="model_auth", message="no key", retryable=False, turn_id="t1")
    assert script.answers[7] == {
        "code": -32603,
        "message": "no key",
        "data": {"code": "model_auth", "retryable": False},
    }


def test_a_turn_that_a_restart_cut_short_is_an_error_and_was_not_cancelled() -> None:
    script = Script().opened()
    script.prompted()
    script.event(ev.Interrupted, turn_id="t1", reason="restart")
    assert script.answers[7]["data"] == {"code": "restart"}


def test_a_cancel_interrupts_the_turn_of_the_prompt_once() -> None:
    script = Script().opened()
    script.prompted()
    script.keep(script.mapping.cancel(1.0))
    script.keep(script.mapping.cancel(1.0))
    assert [type(one) for one in script.submissions] == [sub.UserInput, sub.Interrupt]
    script.event(ev.Interrupted, turn_id="t1", reason="user")
    assert script.answers[7] == {"stopReason": "cancelled"}


def test_a_cancelled_prompt_is_answered_so_even_if_its_turn_had_ended_or_failed() -> None:
    for kind, fields in (
        (ev.TurnComplete, {"history_size": 2}),
        (ev.ErrorEvent, {"code": "model_auth", "message": "no", "retryable": False}),
    ):
        script = Script().opened()
        script.prompted()
        script.keep(script.mapping.cancel(1.0))
        script.event(kind, turn_id="t1", **fields)
        assert script.answers[7] == {"stopReason": "cancelled"}


def test_a_cancelled_prompt_is_answered_in_time_whatever_the_server_does_and_stopped_when_it_can_be() -> None:
    script = Script().opened()
    [mine] = script.keep(script.mapping.prompt(7, [{"type": "text", "text": "hi"}]))
    script.take(Reconnecting(1.0, "cut"))
    assert script.keep(script.mapping.cancel(10.0)) == []
    assert script.keep(script.mapping.overdue(13.9)) == []
    script.keep(script.mapping.overdue(14.0))
    assert script.answers[7] == {"stopReason": "cancelled"}
    script.opened("resume")
    script.accepted(mine)  # type: ignore[arg-type]  # a prompt gives one submission
    assert [type(one) for one in script.begins("s1")] == [sub.Interrupt]


def test_what_was_said_after_a_cancel_while_the_server_was_away_goes_after_the_interrupt() -> None:
    script = Script().opened()
    script.prompted()
    script.take(Reconnecting(1.0, "cut"))
    script.keep(script.mapping.cancel(10.0))
    assert script.keep(script.mapping.prompt(8, [{"type": "text", "text": "next"}])) == []
    script.take(CaughtUp(epoch="e", seq=script.view.seq, replayed=0))
    assert [type(one) for one in script.submissions] == [sub.UserInput, sub.Interrupt, sub.UserInput]


def test_a_prompt_that_never_left_is_not_said_once_it_is_cancelled() -> None:
    script = Script().opened()
    script.take(Reconnecting(1.0, "cut"))
    script.keep(script.mapping.prompt(7, [{"type": "text", "text": "hi"}]))
    script.keep(script.mapping.cancel(10.0))
    assert script.answers[7] == {"stopReason": "cancelled"}
    script.take(CaughtUp(epoch="e", seq=script.view.seq, replayed=0))
    assert script.submissions == []


def test_a_cancel_of_a_queued_prompt_leaves_the_turn_of_somebody_else_alone() -> None:
    script = Script().opened()
    script.accepted(sub.UserInput(id="other", text="from the page"))
    script.begins("other", "t1")
    [mine] = script.keep(script.mapping.prompt(7, [{"type": "text", "text": "hi"}]))
    assert script.keep(script.mapping.cancel(1.0)) == []
    [withdraw] = script.accepted(mine)  # type: ignore[arg-type]  # a prompt gives one submission
    assert withdraw == sub.Withdraw(id="s2", submission_id="s1")
    script.event(ev.InputWithdrawn, submission_id="s1")
    assert script.answers[7] == {"stopReason": "cancelled"}


def test_a_cancel_takes_back_a_prompt_that_waits() -> None:
    script = Script().opened()
    script.prompted()
    [second] = script.keep(script.mapping.prompt(8, [{"type": "text", "text": "more"}]))
    script.accepted(second)  # type: ignore[arg-type]  # a prompt gives one submission
    out = script.keep(script.mapping.cancel(1.0))
    assert out == [sub.Withdraw(id="s3", submission_id="s2"), sub.Interrupt(id="s4")]


def test_a_cancel_without_a_prompt_stops_what_runs() -> None:
    script = Script().opened()
    script.accepted(sub.UserInput(id="other", text="from the page"))
    script.begins("other", "t1")
    assert [type(one) for one in script.keep(script.mapping.cancel(1.0))] == [sub.Interrupt]


def test_a_prompt_that_the_server_refuses_is_an_error_with_its_code() -> None:
    script = Script().opened()
    script.keep(script.mapping.prompt(7, [{"type": "text", "text": "hi"}]))
    script.take(Rejected("s1", "queue_full", "too many wait", True))
    assert script.answers[7] == {"code": -32603, "message": "too many wait", "data": {"code": "queue_full"}}


def test_a_prompt_is_answered_when_the_session_cannot_be_had_any_more() -> None:
    script = Script().opened()
    script.prompted()
    script.take(Ended(Action.FORGET, "deleted"))
    assert "deleted" in script.answers[7]["message"]


def test_a_snapshot_tells_that_a_prompt_was_done_meanwhile() -> None:
    script = Script().opened()
    script.prompted()
    script.reset(View(seq=40, messages=[UserMessage(text="hi", submission_id="s1", turn_id="t1")]))
    assert script.answers[7] == {"stopReason": "end_turn"}


def test_a_prompt_that_the_server_lost_is_an_error() -> None:
    script = Script().opened()
    script.prompted()
    script.reset(View(seq=1))
    assert script.answers[7]["data"] == {"code": "lost"}


def test_commands_are_submissions_of_their_own() -> None:
    script = Script().opened()
    script.keep(script.mapping.prompt(7, [{"type": "text", "text": "/compact"}]))
    script.keep(script.mapping.prompt(8, [{"type": "text", "text": " /undo "}]))
    assert script.submissions == [sub.Compact(id="s1"), sub.Undo(id="s2")]
    script.accepted(sub.Compact(id="s1"))
    script.event(ev.Compacted, old_tokens=9, new_tokens=1, summary="short", kept_from=0, operation_id="s1")
    assert script.answers[7] == {"stopReason": "end_turn"}
    script.accepted(sub.Undo(id="s2"))
    script.event(ev.UndoComplete, removed_messages=0, kept=[])
    assert script.answers[8] == {"stopReason": "end_turn"}


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(Failure, match="empty"):
        Script().opened().mapping.prompt(7, [{"type": "text", "text": " "}])
