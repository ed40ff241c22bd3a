"""Decision: redacts one input and passes it to its handler. Synchronous; no clock, no I/O."""

from agent.session import recovery, restoring, submissions, titles, tool_calls, turn
from agent.session.messages import (
    Decision,
    Delta,
    Fail,
    HandOver,
    Input,
    ModelDone,
    ModelFailed,
    NotesWritten,
    OwnerUploadedNotes,
    QuestionWithdrawn,
    Recover,
    RestoreFailed,
    SaveFailed,
    Stop,
    SubmissionRefusal,
    SummaryDone,
    SummaryFailed,
    TitleDone,
    ToolAsked,
    ToolDone,
    ToolLogged,
    ToolSpent,
    ToolStepped,
    WorkspaceRestored,
    WorkspaceSaved,
)
from agent.session.redact_input import text_without_secrets, without_secrets
from agent.session.session import Session
from protocol import events as ev
from protocol.events import Accepted
from protocol.submissions import SubmissionBase


def decide(session: Session, message: Input, now: str, share_id: str = "") -> Decision:
    """What follows from `message` at `now` (RFC 3339, UTC). Folds the decided events into the session's state.

    `share_id`: of the link by which the sender of a submission came; empty for the owner.
    """
    session.begin(now, share_id)
    if isinstance(message, Delta):  # nearly all inputs are
        turn.on_delta(session, message, text_without_secrets(session, message))
        return session.decision(None)
    answer: Accepted | SubmissionRefusal | None = None
    for redacted in without_secrets(session, message):
        answer = _handle(session, redacted) or answer
    return session.decision(answer)


def _handle(session: Session, message: Input) -> Accepted | SubmissionRefusal | None:
    match message:
        case Delta():  # what was held back of a text
            turn.on_delta(session, message, message.text)
        case SubmissionBase():
            return submissions.on_submission(session, message)
        case ModelDone():
            turn.on_model_done(session, message)
        case ModelFailed():
            turn.on_model_failed(session, message)
        case SummaryDone():
            turn.on_summary_done(session, message)
        case SummaryFailed():
            turn.on_summary_failed(session, message)
        case TitleDone():
            titles.on_title_done(session, message)
        case ToolLogged():
            tool_calls.on_tool_logged(session, message)
        case ToolStepped():
            tool_calls.on_tool_stepped(session, message)
        case ToolAsked():
            tool_calls.on_tool_asked(session, message)
        case QuestionWithdrawn():
            tool_calls.on_question_withdrawn(session, message)
        case ToolSpent():
            turn.on_tool_spent(session, message)
        case ToolDone():
            turn.on_tool_done(session, message)
        case WorkspaceSaved() | SaveFailed():
            restoring.on_workspace_saved(session, message)
        case WorkspaceRestored():
            restoring.on_workspace_restored(session, message)
        case RestoreFailed():
            restoring.on_restore_failed(session, message)
        case OwnerUploadedNotes():
            if session.state.view.state != "closed":
                session.emit(ev.NotesUploaded, digest=message.digest)
        case NotesWritten():
            tool_calls.on_notes_written(session, message)
        case Recover():
            recovery.on_recover(session)
        case HandOver():
            session.leaving = True
        case Stop():
            recovery.on_stop(session)
        case Fail():
            recovery.on_fail(session, message)
    return None
