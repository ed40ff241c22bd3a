"""Workspace snapshots: the first call of a turn that has side effects waits until the session's files are saved. Pure."""

import msgspec

from agent.session.messages import RunTool, SaveFailed, SaveWorkspace, WorkspaceSaved
from agent.session.session import Session
from protocol import events as ev
from protocol.view import open_call


def start_call(session: Session, call: RunTool) -> None:
    """Start the call, now or as soon as the files are saved as they were before the turn."""
    if session.rules.tools.side_effects(call.tool) is None or not _must_save(session):
        session.add_effect(call)
        return
    session.held_calls.append(call)
    if session.saving is None:
        turn_id = session.state.view.turn_id
        assert turn_id is not None, "calls run in turns"
        save(session, turn_id)


def save(session: Session, snapshot_id: str, keep: str = "") -> None:
    """Save the files under this id. `keep`: the snapshot that is not dropped to make room."""
    session.saving = snapshot_id
    session.add_effect(SaveWorkspace(snapshot_id, keep))


def emit_result(session: Session, result: WorkspaceSaved | SaveFailed) -> bool:
    """Emit what came of saving the files. False if nothing waits for this result any more."""
    if result.snapshot_id != session.saving:
        return False
    session.saving, session.save_tried = None, result.snapshot_id
    if isinstance(result, SaveFailed):
        session.emit(ev.WorkspaceNotSaved, snapshot_id=result.snapshot_id, message=result.message)
        return True
    known = [snapshot.snapshot_id for snapshot in session.state.view.snapshots]
    session.emit(
        ev.WorkspaceSaved,
        snapshot_id=result.snapshot_id,
        files=result.files,
        left_out=result.left_out,
        dropped=[one for one in known if one not in result.kept],
    )
    return True


def start_held_calls(session: Session) -> None:
    """Start the calls that waited, with the grants of now: some may have been revoked meanwhile."""
    held, session.held_calls = session.held_calls, []
    view = session.state.view
    for call in held:
        if open_call(view, call.tool_call_id) is not None:
            session.add_effect(msgspec.structs.replace(call, grants=tuple(view.grants)))


def _must_save(session: Session) -> bool:
    """Whether the files are not saved yet as they were before this turn. A failed attempt is not made again in the turn."""
    view = session.state.view
    return (
        session.rules.saves_workspace
        and session.save_tried != view.turn_id
        and all(snapshot.snapshot_id != view.turn_id for snapshot in view.snapshots)
    )
