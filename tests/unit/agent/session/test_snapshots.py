"""Snapshots of the workspace before turns, as scripts: which calls wait for one, and how the turn goes on."""

from typing import Any

import msgspec
import pytest

from agent.session.messages import Recover, RunTool, SaveFailed, SaveWorkspace, Stop, WorkspaceSaved
from agent.session.state import SessionState, apply, dump, load
from protocol import events as ev
from protocol.content import WorkspaceSnapshot
from protocol.submissions import Edit, Interrupt, RevokeGrant, Undo
from tests.unit.agent.session.script import Script, call


def script_that_saves(**changes: Any) -> Script:
    return Script(saves_workspace=True, **changes)


def asked_to_save(script: Script) -> list[str]:
    """The snapshots whose taking followed from the last input."""
    return [effect.snapshot_id for effect in script.effects if isinstance(effect, SaveWorkspace)]


def saved(script: Script, *kept: str, left_out: int = 0) -> list[str]:
    """The snapshot that is being taken is there, beside those in `kept`."""
    snapshot_id = script.session.saving or ""
    return script.handle(WorkspaceSaved(snapshot_id, 3, left_out, (*kept, snapshot_id)))


def snapshot_ids(script: Script) -> list[str]:
    return [snapshot.snapshot_id for snapshot in script.view.snapshots]


def turn_that_edits(script: Script) -> str:
    """A whole turn with one call of a tool that has side effects; the turn's id."""
    script.say("edit")
    turn_id = str(script.view.turn_id)
    script.finish(call(f"{turn_id}-c", "edit"))
    saved(script, *snapshot_ids(script))
    script.tool_done(f"{turn_id}-c")
    script.finish()
    return turn_id


def test_the_first_call_with_side_effects_waits_until_the_workspace_is_saved() -> None:
    script = script_that_saves()
    script.say("edit")
    turn_id = script.view.turn_id
    script.finish(call("c1", "edit"))
    assert asked_to_save(script) == [turn_id]
    assert not script.ran()
    assert saved(script, left_out=1) == ["workspace_saved"]
    assert [run.tool_call_id for run in script.ran()] == ["c1"]
    assert script.view.snapshots == [WorkspaceSnapshot(turn_id, 3, 1)]


def test_calls_without_side_effects_do_not_wait() -> None:
    script = script_that_saves()
    script.say("look")
    script.finish(call("c1", "read"))
    assert asked_to_save(script) == []
    assert [run.tool_call_id for run in script.ran()] == ["c1"]
    script.tool_done("c1")
    script.finish(call("c2", "edit"), call("c3", "read"), call("c4", "edit"))
    assert [run.tool_call_id for run in script.ran()] == ["c3"]
    saved(script)
    assert [run.tool_call_id for run in script.ran()] == ["c2", "c4"]


def test_a_turn_is_saved_once() -> None:
    script = script_that_saves()
    script.say("edit")
    script.finish(call("c1", "edit"))
    saved(script)
    script.tool_done("c1")
    script.finish(call("c2", "edit"))
    assert asked_to_save(script) == []
    assert [run.tool_call_id for run in script.ran()] == ["c2"]


def test_an_approved_call_waits_for_the_snapshot_too() -> None:
    script = script_that_saves()
    script.say("write")
    script.finish(call("c1", "write"))
    assert asked_to_save(script) == []
    script.approve("c1")
    assert asked_to_save(script) == [script.view.turn_id]
    saved(script)
    assert [run.tool_call_id for run in script.ran()] == ["c1"]


def test_a_turn_goes_on_without_a_snapshot_and_tells_why_there_is_none() -> None:
    script = script_that_saves()
    script.say("edit")
    turn_id = script.view.turn_id
    script.finish(call("c1", "edit"))
    assert script.handle(SaveFailed(str(turn_id), "the disk is full")) == ["workspace_not_saved"]
    assert script.last(ev.WorkspaceNotSaved).message == "the disk is full"
    assert [run.tool_call_id for run in script.ran()] == ["c1"]
    script.tool_done("c1")
    script.finish(call("c2", "edit"))
    assert asked_to_save(script) == []
    script.tool_done("c2")
    script.finish()
    script.submit(Undo())
    assert not script.last(ev.UndoComplete).restore


def test_snapshots_that_are_not_there_any_more_leave_the_view() -> None:
    script = script_that_saves()
    first, second = turn_that_edits(script), turn_that_edits(script)
    assert snapshot_ids(script) == [first, second]
    script.say("edit")
    script.finish(call("c9", "edit"))
    saved(script, second)
    assert script.last(ev.WorkspaceSaved).dropped == [first]
    assert snapshot_ids(script) == [second, script.view.turn_id]


def test_an_interrupt_drops_the_calls_that_wait() -> None:
    script = script_that_saves()
    script.say("edit")
    turn_id = str(script.view.turn_id)
    script.finish(call("c1", "edit"))
    script.submit(Interrupt())
    assert script.view.state == "idle"
    assert script.handle(WorkspaceSaved(turn_id, 3, 0, (turn_id,))) == []
    assert not script.ran()


def test_a_call_that_waited_when_the_process_ended_is_not_run() -> None:
    script = script_that_saves()
    script.say("edit")
    script.finish(call("c1", "edit"))
    script.restart()
    script.handle(Recover())
    assert (script.view.state, script.view.open_calls) == ("idle", [])
    assert not script.ran()


def test_a_stop_beside_a_waiting_approval_drops_the_calls_that_wait_for_a_snapshot() -> None:
    script = script_that_saves()
    script.say("both")
    turn_id = str(script.view.turn_id)
    script.finish(call("c1", "edit"), call("c2", "write"))
    script.handle(Stop())
    assert script.handle(WorkspaceSaved(turn_id, 3, 0, (turn_id,))) == []
    assert not script.ran()
    assert [open_call.tool_call_id for open_call in script.view.open_calls] == ["c2"]


def test_a_grant_that_was_revoked_while_a_call_waited_does_not_reach_its_sub_agent() -> None:
    script = script_that_saves()
    script.say("job")
    script.finish(call("c1", "job"))
    script.approve_for_session("c1")
    script.tool_done("c1")
    (grant,) = script.view.grants
    script.finish(call("c2", "edit"))
    script.submit(RevokeGrant(grant=grant))
    saved(script)
    (ran,) = [effect for effect in script.effects if isinstance(effect, RunTool)]
    assert ran.grants == ()


def test_undo_names_the_snapshot_before_the_turn_that_it_removes() -> None:
    script = script_that_saves()
    first, second = turn_that_edits(script), turn_that_edits(script)
    script.submit(Undo())
    assert script.last(ev.UndoComplete).restore == second
    script.submit(Undo())
    assert script.last(ev.UndoComplete).restore == first


def test_an_edit_names_the_snapshot_before_the_first_turn_with_side_effects() -> None:
    script = script_that_saves()
    script.say("hello")
    harmless = str(script.view.turn_id)
    script.finish()
    first, _ = turn_that_edits(script), turn_that_edits(script)
    script.submit(Edit(turn_id=harmless, text="hi"))
    assert script.last(ev.UndoComplete).restore == first


@pytest.mark.parametrize("tool", ["read", "plan"])
def test_undo_names_no_snapshot_for_a_turn_without_side_effects(tool: str) -> None:
    script = script_that_saves()
    script.say("look")
    script.finish(call("c1", tool))
    script.tool_done("c1")
    script.finish()
    script.submit(Undo())
    assert not script.last(ev.UndoComplete).restore


def test_where_the_files_are_elsewhere_nothing_waits_and_undo_names_no_snapshot() -> None:
    script = Script()
    script.say("edit")
    script.finish(call("c1", "edit"))
    assert asked_to_save(script) == []
    assert [run.tool_call_id for run in script.ran()] == ["c1"]
    script.tool_done("c1")
    script.finish()
    script.submit(Undo())
    undone = script.last(ev.UndoComplete)
    assert (undone.kept, bool(undone.restore)) == (["edit: files edited"], False)


def test_what_a_version_without_snapshots_stored_opens() -> None:
    """Its stored state lacks the newer fields; its journal lacks the newer events."""
    script = Script()
    script.say("hello")
    script.finish()
    stored = msgspec.msgpack.decode(dump(script.session.state))
    for name in ("restoration", "turn_guest", "notes_by"):
        del stored[name]
    for name in ("snapshots", "questions", "notes_digest"):
        del stored["view"][name]
    state = load(msgspec.msgpack.encode(stored))
    assert (state.view.snapshots, state.restoration, state.notes_by) == ([], None, None)
    assert state.view.messages == script.view.messages
    folded = SessionState()
    folded.view.model = script.view.model
    for event in script.events:
        apply(folded, event)
    assert folded.view == script.view
