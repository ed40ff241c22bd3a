"""Restoring the workspace, as scripts: what is saved first, what is refused, and how it goes on after a kill or a stop."""

from agent.session.messages import (
    CancelWork,
    Fail,
    Recover,
    RestoreFailed,
    RestoreWorkspace,
    SaveFailed,
    SaveWorkspace,
    Stop,
    SubmissionRefusal,
    WorkspaceRestored,
)
from protocol import codes
from protocol import events as ev
from protocol.submissions import Interrupt, Restore, Undo
from tests.unit.agent.session.script import Script
from tests.unit.agent.session.test_snapshots import saved, script_that_saves, snapshot_ids, turn_that_edits


def undone() -> tuple[Script, str]:
    """A session whose last turn was undone, and the snapshot before that turn."""
    script = script_that_saves()
    turn_id = turn_that_edits(script)
    script.submit(Undo())
    return script, turn_id


def restoring() -> tuple[Script, str, str]:
    """A session that restores, what is there now being saved; the snapshots before and after it."""
    script, turn_id = undone()
    script.submit(Restore(id="r1", snapshot_id=turn_id))
    present_id = script.session.saving or ""
    saved(script, turn_id)
    return script, turn_id, present_id


def done(operation_id: str = "r1") -> WorkspaceRestored:
    return WorkspaceRestored(operation_id, 2, 1, ("socket",), 1)


def test_what_is_there_now_is_saved_before_anything_is_restored() -> None:
    script, turn_id = undone()
    script.submit(Restore(id="r1", snapshot_id=turn_id))
    present_id = f"restore-{script.last(ev.Accepted).seq}"
    assert script.effects == [SaveWorkspace(present_id, keep=turn_id)]
    assert (script.view.state, script.view.turn_id) == ("running", "r1")
    assert saved(script, turn_id) == ["workspace_saved"]
    assert script.effects == [RestoreWorkspace("r1", turn_id, present_id)]
    assert script.handle(done()) == ["workspace_restored"]
    assert (script.view.state, script.view.turn_id) == ("idle", None)
    event = script.last(ev.WorkspaceRestored)
    assert (event.operation_id, event.snapshot_id) == ("r1", turn_id)
    assert (event.restored, event.removed, event.left, event.left_count) == (2, 1, ["socket"], 1)
    assert snapshot_ids(script) == [turn_id, present_id]


def test_a_restoration_can_be_taken_back_by_another() -> None:
    script, _, present_id = restoring()
    script.handle(done())
    script.submit(Restore(id="r2", snapshot_id=present_id))
    assert isinstance(script.answer, ev.Accepted)


def test_an_unknown_snapshot_is_refused() -> None:
    script, _ = undone()
    script.submit(Restore(snapshot_id="turn-999"))
    assert isinstance(script.answer, SubmissionRefusal)
    assert script.answer.code == codes.SNAPSHOT_UNKNOWN


def test_nothing_is_restored_while_a_turn_runs() -> None:
    script, turn_id = undone()
    script.say("hello")
    script.submit(Restore(snapshot_id=turn_id))
    assert isinstance(script.answer, SubmissionRefusal)
    assert script.answer.code == codes.BUSY


def test_nothing_is_restored_where_the_files_are_elsewhere() -> None:
    script, turn_id = undone()
    script.session.rules.saves_workspace = False
    script.submit(Restore(snapshot_id=turn_id))
    assert isinstance(script.answer, SubmissionRefusal)
    assert "remote sandbox" in script.answer.message


def test_an_input_waits_until_the_files_are_restored() -> None:
    script, _, _ = restoring()
    script.say("go on")
    assert not script.calls_model
    assert script.handle(done()) == ["workspace_restored", "processing"]
    assert script.calls_model


def test_nothing_is_restored_if_what_is_there_now_cannot_be_saved() -> None:
    script, turn_id = undone()
    script.submit(Restore(id="r1", snapshot_id=turn_id))
    assert script.handle(SaveFailed(script.session.saving or "", "the disk is full")) == [
        "workspace_not_saved",
        "error",
    ]
    error = script.last(ev.ErrorEvent)
    assert (error.code, error.turn_id, script.view.state) == (codes.RESTORE_FAILED, "r1", "idle")
    assert "the disk is full" in error.message
    assert not any(isinstance(effect, RestoreWorkspace) for effect in script.effects)


def test_nothing_is_restored_if_the_snapshot_is_gone() -> None:
    script, turn_id = undone()
    script.submit(Restore(id="r1", snapshot_id=turn_id))
    assert saved(script) == ["workspace_saved", "error"]
    assert script.last(ev.WorkspaceSaved).dropped == [turn_id]
    assert script.last(ev.ErrorEvent).code == codes.RESTORE_FAILED


def test_a_restoration_that_fails_ends_with_an_error() -> None:
    script, _, _ = restoring()
    assert script.handle(RestoreFailed("r1", "the disk refused it")) == ["error"]
    assert (script.view.state, script.session.state.restoration) == ("idle", None)


def test_an_interrupt_ends_a_restoration() -> None:
    script, turn_id, present_id = restoring()
    script.submit(Interrupt())
    assert (script.view.state, script.session.state.restoration) == ("idle", None)
    assert script.handle(done()) == []
    assert snapshot_ids(script) == [turn_id, present_id]


def test_a_restoration_that_was_cut_short_is_repeated() -> None:
    script, turn_id, present_id = restoring()
    script.restart()
    assert script.handle(Recover()) == []
    assert script.effects == [RestoreWorkspace("r1", turn_id, present_id)]
    assert script.handle(done()) == ["workspace_restored"]


def test_what_was_not_saved_yet_when_the_process_ended_is_saved_again() -> None:
    script, turn_id = undone()
    script.submit(Restore(id="r1", snapshot_id=turn_id))
    present_id = script.session.saving or ""
    script.restart()
    script.handle(Recover())
    assert script.effects == [SaveWorkspace(present_id, keep=turn_id)]


def test_a_stop_leaves_a_restoration_to_the_next_server() -> None:
    script, turn_id, present_id = restoring()
    assert script.handle(Stop()) == []
    assert script.effects == [CancelWork()]
    assert script.view.state == "running"
    script.restart()
    script.handle(Recover())
    assert script.effects == [RestoreWorkspace("r1", turn_id, present_id)]


def test_a_fault_of_the_server_ends_a_restoration_with_an_error() -> None:
    script, _, _ = restoring()
    assert script.handle(Fail("internal", "a fault", True)) == ["error"]
    assert (script.view.state, script.session.state.restoration) == ("idle", None)
