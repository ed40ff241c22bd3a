"""View: what a client shows after each event."""

from typing import Any

import msgspec
import pytest

from protocol import events as ev
from protocol import submissions as sub
from protocol.content import (
    AssistantMessage,
    OpenMessage,
    PendingTool,
    PlanItem,
    QueuedInput,
    Step,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from protocol.frames import Snapshot
from protocol.view import SNAPSHOT_FIELDS, View, apply, from_snapshot, to_snapshot
from tests.unit.protocol.streams import AT

FREE, WAITING, LAST = (ToolCall(name, "tool", {"n": 1}) for name in ("free", "waiting", "last"))


class Script:
    """Events, applied to a view one after another."""

    def __init__(self) -> None:
        self.view = View()

    def emit(self, event: Any, /, **fields: Any) -> View:
        apply(self.view, event(seq=self.view.seq + 1, at=AT, **fields))
        return self.view

    def accept(self, submission: sub.Submission, submission_id: str = "s1") -> View:
        return self.emit(ev.Accepted, submission_id=submission_id, submission=submission)

    def chunk(self, text: str, offset: int, kind: str = "text", message_id: str = "m1") -> View:
        return self.emit(ev.AssistantChunk, message_id=message_id, offset=offset, text=text, kind=kind)

    def whole(self, text: str, calls: list[ToolCall], message_id: str = "m1") -> View:
        return self.emit(
            ev.AssistantMessageEvent,
            message_id=message_id,
            text=text,
            reasoning="",
            tool_calls=calls,
            finish_reason="stop",
            sealed=False,
        )

    def change(self, call: ToolCall, state: str, **more: Any) -> View:
        return self.emit(
            ev.ToolStateChange, tool_call_id=call.tool_call_id, tool=call.tool, state=state, by="user", **more
        )

    def output(self, call: ToolCall, output: str = "done", **more: Any) -> View:
        result = {"output": output, "success": True, "truncated": False, "duration_ms": 7, **more}
        return self.emit(ev.ToolOutput, tool_call_id=call.tool_call_id, tool=call.tool, **result)


@pytest.fixture
def turn() -> Script:
    """A turn that runs."""
    script = Script()
    script.accept(sub.UserInput(text="hello"))
    script.emit(ev.Processing, turn_id="t1", submission_id="s1")
    return script


@pytest.fixture
def called(turn: Script) -> Script:
    """A turn with three calls: one runs, two wait for approval."""
    turn.whole("", [FREE, WAITING, LAST])
    for call in (FREE, WAITING, LAST):
        turn.emit(ev.ToolCallEvent, tool_call_id=call.tool_call_id, tool=call.tool, arguments=call.arguments)
    turn.change(FREE, "running")
    pending = [PendingTool(call.tool_call_id, call.tool, call.arguments, "why") for call in (WAITING, LAST)]
    turn.emit(ev.ApprovalRequired, tools=pending, count=2)
    return turn


def results(view: View) -> list[tuple[str, str]]:
    return [(m.tool_call_id, m.state) for m in view.messages if isinstance(m, ToolMessage)]


def test_an_accepted_input_waits_and_enters_the_history_with_its_turn() -> None:
    script = Script()
    view = script.accept(sub.UserInput(text="hello"))
    assert (view.state, view.queued, view.messages) == ("idle", [QueuedInput("s1", "hello", "queue")], [])
    view = script.emit(ev.Processing, turn_id="t1", submission_id="s1")
    assert (view.state, view.turn_id, view.queued) == ("running", "t1", [])
    assert view.messages == [UserMessage(text="hello", submission_id="s1", turn_id="t1")]


def test_a_steering_input_enters_the_history_when_it_joins(turn: Script) -> None:
    view = turn.accept(sub.UserInput(text="shorter", when="steer"), "s2")
    assert view.queued == [QueuedInput("s2", "shorter", "steer")]
    view = turn.emit(ev.InputJoined, turn_id="t1", submission_id="s2")
    assert view.queued == []
    assert view.messages[-1] == UserMessage(text="shorter", submission_id="s2", turn_id="t1")


def test_an_input_while_approvals_wait_is_to_join_the_turn(called: Script) -> None:
    assert called.accept(sub.UserInput(text="never mind"), "s2").queued == [QueuedInput("s2", "never mind", "steer")]


def test_chunks_build_the_open_message_in_two_kinds_with_offsets_of_their_own(turn: Script) -> None:
    turn.chunk("thin", 0, "reasoning")
    turn.chunk("He", 0)
    turn.chunk("king", 4, "reasoning")
    assert turn.chunk("llo", 2).open_message == OpenMessage(message_id="m1", text="Hello", reasoning="thinking")


def test_offsets_count_code_points(turn: Script) -> None:
    turn.chunk("🦉é", 0)
    view = turn.chunk("!", 2)
    assert view.open_message is not None
    assert view.open_message.text == "🦉é!"


def test_a_chunk_from_further_back_replaces_what_was_there(turn: Script) -> None:
    turn.chunk("Hello", 0)
    view = turn.chunk("y", 1)
    assert view.open_message is not None
    assert view.open_message.text == "Hy"


def test_a_chunk_of_another_message_begins_that_one(turn: Script) -> None:
    turn.chunk("Hello", 0)
    assert turn.chunk("Hi", 0, message_id="m2").open_message == OpenMessage(message_id="m2", text="Hi")


def test_the_whole_message_takes_the_place_of_the_open_one(turn: Script) -> None:
    turn.chunk("Hel", 0)
    view = turn.whole("Hello", [])
    assert view.open_message is None
    assert isinstance(view.messages[-1], AssistantMessage)
    assert view.messages[-1].text == "Hello"


def test_calls_are_open_until_they_have_a_result(called: Script) -> None:
    view = called.view
    assert [(c.tool_call_id, c.state) for c in view.open_calls] == [
        ("free", "running"), ("waiting", "awaiting_approval"), ("last", "awaiting_approval")
    ]  # fmt: skip
    view = called.output(FREE)
    assert [c.tool_call_id for c in view.open_calls] == ["waiting", "last"]
    assert results(view) == [("free", "completed")]


def test_the_turn_waits_until_every_call_has_an_answer(called: Script) -> None:
    assert called.view.state == "awaiting_approval"
    view = called.change(WAITING, "approved")
    assert (view.state, [p.tool_call_id for p in view.pending_approval]) == ("awaiting_approval", ["last"])
    view = called.change(LAST, "rejected", feedback="not that")
    assert (view.state, view.pending_approval) == ("running", [])


def test_results_stand_in_the_order_of_the_calls_however_they_end(called: Script) -> None:
    called.change(LAST, "rejected")
    called.change(WAITING, "approved")
    called.change(WAITING, "running")
    called.output(WAITING)
    view = called.output(FREE)
    assert results(view) == [("free", "completed"), ("waiting", "completed"), ("last", "rejected")]


def test_results_stand_before_an_input_that_joined_meanwhile(called: Script) -> None:
    called.change(WAITING, "abandoned")
    called.change(LAST, "abandoned")
    called.accept(sub.UserInput(text="go on"), "s2")
    called.emit(ev.InputJoined, turn_id="t1", submission_id="s2")
    view = called.output(FREE)
    assert results(view) == [("free", "completed"), ("waiting", "abandoned"), ("last", "abandoned")]
    assert isinstance(view.messages[-1], UserMessage)


def test_edited_arguments_are_what_the_call_shows_and_its_result_keeps(called: Script) -> None:
    view = called.change(WAITING, "approved", arguments={"n": 2})
    assert view.open_calls[1].arguments == {"n": 2}
    called.change(LAST, "rejected")
    called.change(WAITING, "running")
    view = called.output(WAITING)
    [edited] = [m for m in view.messages if isinstance(m, ToolMessage) and m.tool_call_id == "waiting"]
    assert edited.arguments == {"n": 2}
    assert called.output(FREE).messages[2] == ToolMessage(
        tool_call_id="free", tool="tool", output="done", success=True, truncated=False, duration_ms=7, state="completed"
    )


@pytest.mark.parametrize("state", ["rejected", "abandoned", "cancelled", "outcome_unknown"])
def test_a_call_without_output_shows_the_reason_with_the_users_feedback(called: Script, state: str) -> None:
    view = called.change(WAITING, state, feedback="too risky")
    [message] = [m for m in view.messages if isinstance(m, ToolMessage)]
    assert (message.state, message.success) == (state, False)
    assert message.output.endswith("\nThe user said: too risky")
    assert "waiting" not in [c.tool_call_id for c in view.open_calls]


def test_logs_build_the_output_of_a_running_call(called: Script) -> None:
    called.emit(ev.ToolLog, tool_call_id="free", offset=0, text="line 1\n")
    view = called.emit(ev.ToolLog, tool_call_id="free", offset=7, text="line 2\n")
    assert view.open_calls[0].log == "line 1\nline 2\n"
    before = msgspec.structs.asdict(view)
    after = called.emit(ev.ToolLog, tool_call_id="nobody's", offset=0, text="x")
    assert msgspec.structs.asdict(after) == {**before, "seq": after.seq}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (ev.TurnComplete, {"turn_id": "t1", "history_size": 1, "final_response": ""}),
        (ev.Interrupted, {"turn_id": "t1", "reason": "user"}),
        (ev.ErrorEvent, {"turn_id": "t1", "code": "internal", "message": "", "retryable": True}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_turn_ends_by_completion_an_interrupt_or_an_error(turn: Script, event: Any, fields: dict[str, Any]) -> None:
    turn.emit(event, **{**fields, "turn_id": "another"})
    assert (turn.view.state, turn.view.turn_id) == ("running", "t1")
    view = turn.emit(event, **fields)
    assert (view.state, view.turn_id) == ("idle", None)


def test_an_error_of_no_turn_ends_none(turn: Script) -> None:
    view = turn.emit(ev.ErrorEvent, turn_id=None, code="internal", message="", retryable=True)
    assert (view.state, view.turn_id) == ("running", "t1")


def test_a_compaction_runs_under_its_submissions_id_until_it_is_done() -> None:
    script = Script()
    view = script.accept(sub.Compact(), "c1")
    assert (view.state, view.turn_id) == ("running", "c1")
    done = {"old_tokens": 90, "new_tokens": 9, "summary": "so far", "kept_from": 3}
    view = script.emit(ev.Compacted, operation_id="c1", **done)
    assert (view.state, view.turn_id, view.usage.context_tokens) == ("idle", None, 9)


def test_a_compaction_a_turn_did_by_itself_leaves_the_turn_running(turn: Script) -> None:
    done = {"old_tokens": 90, "new_tokens": 9, "summary": "so far", "kept_from": 3}
    view = turn.emit(ev.Compacted, operation_id=None, **done)
    assert (view.state, view.turn_id, view.usage.context_tokens) == ("running", "t1", 9)


def test_undo_takes_the_last_messages_out(turn: Script) -> None:
    turn.whole("Hello", [])
    turn.emit(ev.TurnComplete, turn_id="t1", history_size=2, final_response="Hello")
    assert len(turn.emit(ev.UndoComplete, removed_messages=0, kept=[]).messages) == 2
    assert len(turn.emit(ev.UndoComplete, removed_messages=1, kept=[]).messages) == 1
    assert turn.emit(ev.UndoComplete, removed_messages=9, kept=[]).messages == []


def test_usage_adds_up_and_its_cost_is_unknown_once_any_part_is(turn: Script) -> None:
    counts = {"input_tokens": 10, "output_tokens": 2, "cached_tokens": 5, "context_limit": 100}
    turn.emit(ev.UsageEvent, cost_usd=0.25, context_tokens=12, **counts)
    view = turn.emit(ev.UsageEvent, cost_usd=0.5, context_tokens=24, **counts)
    assert view.usage == Usage(
        input_tokens=20, output_tokens=4, cached_tokens=10, cost_usd=0.75, context_tokens=24, context_limit=100
    )
    turn.emit(ev.UsageEvent, cost_usd=None, context_tokens=24, **counts)
    assert turn.emit(ev.UsageEvent, cost_usd=0.5, context_tokens=24, **counts).usage.cost_usd is None


def test_a_grant_for_the_session_holds_until_it_ends(called: Script) -> None:
    called.change(WAITING, "approved", grant="tool")
    called.change(LAST, "approved", grant="tool")
    called.emit(ev.UndoComplete, removed_messages=2, kept=[])
    assert called.view.grants == ["tool"]
    assert from_snapshot(to_snapshot(called.view)).grants == ["tool"]
    called.emit(ev.ShutdownEvent, reason="user")
    assert called.view.grants == []
    assert to_snapshot(called.view).grants is msgspec.UNSET


def test_a_guests_grant_is_one_of_the_grants_until_it_is_revoked(called: Script) -> None:
    called.change(WAITING, "approved", grant="tool", share_id="5f0c")
    view = from_snapshot(to_snapshot(called.view))
    assert (view.grants, view.guest_grants) == (["tool"], {"tool": "5f0c"})
    called.emit(ev.GrantRevoked, grant="tool", reason="unshared")
    assert (called.view.grants, called.view.guest_grants) == ([], {})
    assert to_snapshot(called.view).guest_grants is msgspec.UNSET


def test_a_grant_that_the_owner_gives_too_is_the_owners(called: Script) -> None:
    called.change(WAITING, "approved", grant="tool", share_id="5f0c")
    called.change(LAST, "approved", grant="tool")
    assert (called.view.grants, called.view.guest_grants) == (["tool"], {})
    called.change(LAST, "approved", grant="tool", share_id="5f0c")
    assert called.view.guest_grants == {}


def test_a_sub_agents_calls_are_nested_in_its_own_and_stay_with_the_result(called: Script) -> None:
    begun, other = Step("1", "read", {"path": "a"}), Step("2", "list", {})
    done = Step("1", "read", {"path": "a"}, output="text", success=True, duration_ms=3)
    for step in (begun, other, done):
        called.emit(ev.ToolStep, tool_call_id="free", step=step)
    called.emit(ev.ToolStep, tool_call_id="nobody", step=begun)
    assert called.view.open_calls[0].steps == [done, other]
    view = called.output(FREE)
    result = next(m for m in view.messages if isinstance(m, ToolMessage))
    assert result.steps == [done, other]


def test_costs_of_sub_agents_and_tools_add_up_without_changing_the_context(called: Script) -> None:
    counts = {"input_tokens": 5, "output_tokens": 1, "cached_tokens": 2, "cost_usd": 0.5}
    called.emit(ev.UsageEvent, context_tokens=6, context_limit=100, **counts)
    called.emit(ev.UsageEvent, context_tokens=9, context_limit=9, tool_call_id="free", **counts)
    view = called.output(FREE, cost_usd=0.25)
    assert view.usage == Usage(10, 2, 4, 1.25, 6, 100)


def test_plan_title_and_model_are_the_newest(turn: Script) -> None:
    turn.emit(ev.PlanUpdate, items=[PlanItem("a", "pending"), PlanItem("b", "pending")])
    turn.emit(ev.PlanUpdate, items=[PlanItem("a", "completed")])
    turn.emit(ev.TitleChanged, title="Owls")
    view = turn.emit(ev.ModelChanged, model="other")
    assert (view.plan, view.title, view.model) == ([PlanItem("a", "completed")], "Owls", "other")


def test_after_shutdown_the_session_is_closed_and_nothing_waits(turn: Script) -> None:
    turn.accept(sub.UserInput(text="later"), "s2")
    turn.emit(ev.Interrupted, turn_id="t1", reason="shutdown")
    view = turn.emit(ev.ShutdownEvent, reason="user")
    assert (view.state, view.turn_id, view.queued) == ("closed", None, [])


def test_submissions_that_have_events_of_their_own_change_nothing_by_being_accepted() -> None:
    script = Script()
    for submission in (sub.Undo(), sub.Interrupt(), sub.Shutdown(), sub.SetModel(model="other")):
        view = script.accept(submission)
        assert view == View(seq=view.seq)


def test_a_snapshot_without_its_oldest_messages_shows_their_number(turn: Script) -> None:
    turn.whole("Hello", [])
    snapshot = to_snapshot(turn.view, omit=1)
    assert (snapshot.omitted_messages, snapshot.messages) == (1, turn.view.messages[1:])
    assert len(turn.view.messages) == 2


def test_a_snapshot_holds_every_part_of_the_view() -> None:
    assert set(SNAPSHOT_FIELDS) == set(Snapshot.__struct_fields__) - {"omitted_messages", "omitted"}
