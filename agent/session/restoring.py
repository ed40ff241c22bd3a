"""Workspace restoration: saves the session's files as they are now, then makes them as they were in a snapshot. Pure.

It is repeated if a kill or a stop of the server cut it short: what it has done it finds done.
"""

from agent.session import snapshots, turn
from agent.session.messages import (
    RestoreFailed,
    RestoreWorkspace,
    SaveFailed,
    SubmissionRefusal,
    WorkspaceRestored,
    WorkspaceSaved,
)
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol import submissions as sub

Answer = ev.Accepted | SubmissionRefusal

NOT_SAVED = "nothing was restored, because the files could not be saved first as they are now"


def on_restore(session: Session, submission: sub.Restore) -> Answer:
    """Make the session's files as they were in a snapshot."""
    if session.working:
        return SubmissionRefusal(codes.BUSY, "a turn is running; interrupt it first, or wait")
    if not session.rules.saves_workspace:
        return SubmissionRefusal(
            codes.SNAPSHOT_UNKNOWN, "the session's files are in a remote sandbox, of which there are no snapshots"
        )
    if not _has(session, submission.snapshot_id):
        return SubmissionRefusal(
            codes.SNAPSHOT_UNKNOWN, f"the session's files have no snapshot {submission.snapshot_id!r}"
        )
    accepted = session.accept(submission)
    go_on(session)
    return accepted


def go_on(session: Session) -> None:
    """Do the next step of the restoration under way: save what is there now, or restore."""
    restoration = session.state.restoration
    assert restoration is not None, "callers check that a restoration is under way"
    if _has(session, restoration.present_id):
        session.add_effect(RestoreWorkspace(restoration.operation_id, restoration.snapshot_id, restoration.present_id))
    else:
        snapshots.save(session, restoration.present_id, keep=restoration.snapshot_id)


def on_workspace_saved(session: Session, result: WorkspaceSaved | SaveFailed) -> None:
    """The files are saved, or could not be: go on with the turn, or with the restoration, which needs that.

    What is not in the snapshot is neither removed nor replaced by the restoration.
    """
    if not snapshots.emit_result(session, result):
        return
    restoration = session.state.restoration
    if restoration is None:
        snapshots.start_held_calls(session)
    elif isinstance(result, SaveFailed):
        turn.fail_turn(session, codes.RESTORE_FAILED, f"{NOT_SAVED}: {result.message}", True)
    elif not _has(session, restoration.snapshot_id):
        turn.fail_turn(session, codes.RESTORE_FAILED, "nothing was restored: the snapshot is not there any more", False)
    else:
        go_on(session)


def on_workspace_restored(session: Session, result: WorkspaceRestored) -> None:
    """The files are as they were in the snapshot."""
    restoration = session.state.restoration
    if restoration is None or restoration.operation_id != result.operation_id:
        return
    session.emit(
        ev.WorkspaceRestored,
        operation_id=result.operation_id,
        snapshot_id=restoration.snapshot_id,
        restored=result.restored,
        removed=result.removed,
        left=list(result.left),
        left_count=result.left_count,
    )
    turn.next_turn(session)


def on_restore_failed(session: Session, failed: RestoreFailed) -> None:
    """The restoration ends with an error. What it had done stays, and what was before it is a snapshot too."""
    restoration = session.state.restoration
    if restoration is not None and restoration.operation_id == failed.operation_id:
        turn.fail_turn(session, codes.RESTORE_FAILED, failed.message, True)


def _has(session: Session, snapshot_id: str) -> bool:
    return any(snapshot.snapshot_id == snapshot_id for snapshot in session.state.view.snapshots)
