"""Submission handlers: one for each type, which accepts the submission with its events and effects, or refuses it."""

import hashlib

from msgspec import UNSET, UnsetType

from agent.session import approvals, compaction, grants, model_choice, restoring, titles, tool_calls, turn
from agent.session.messages import EndSession, SubmissionRefusal
from agent.session.session import Session
from agent.session.state import last_turn, size, turn_begins
from protocol import codes, limits
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import Message, ToolMessage, UserMessage

QUEUED_CHARS_MAX = 1_048_576
"""Code points of all inputs that wait, beyond the first one. They are in every snapshot, whole; with JSON's escapes they stay
below the largest frame."""

Answer = ev.Accepted | SubmissionRefusal


def on_submission(session: Session, submission: sub.Submission) -> Answer:
    """Pass the submission to its handler; refuse it if its id holds a secret, the session is closed, or its sender's link is revoked."""
    if session.rules.redactor.redact(sub.submission_id(submission)) != sub.submission_id(submission):
        return SubmissionRefusal(codes.INVALID, "`id` looks like a secret, and ids are stored; use another one")
    if session.state.view.state == "closed":
        return SubmissionRefusal(codes.SESSION_CLOSED, "the session was shut down; begin a new one to go on")
    if session.share_id and all(share.share_id != session.share_id for share in session.state.view.shares):
        return SubmissionRefusal(codes.FORBIDDEN, "your link was revoked")
    match submission:
        case sub.UserInput():
            return on_user_input(session, submission)
        case sub.ExecApproval():
            return approvals.on_exec_approval(session, submission)
        case sub.Interrupt():
            return on_interrupt(session, submission)
        case sub.Undo():
            return on_undo(session, submission)
        case sub.Restore():
            return restoring.on_restore(session, submission)
        case sub.Edit():
            return on_edit(session, submission)
        case sub.Compact():
            return on_compact(session, submission)
        case sub.Shutdown():
            return on_shutdown(session, submission)
        case sub.SetModel():
            return model_choice.on_set_model(session, submission)
        case sub.SetTitle():
            return on_set_title(session, submission)
        case sub.Share():
            return on_share(session, submission)
        case sub.Unshare():
            return on_unshare(session, submission)
        case sub.RevokeGrant():
            return grants.on_revoke_grant(session, submission)
        case sub.AnswerQuestion():
            return tool_calls.on_answer_question(session, submission)
        case sub.Withdraw():
            return on_withdraw(session, submission)
        case sub.SetMode():
            return grants.on_set_mode(session, submission)


def on_user_input(session: Session, submission: sub.UserInput) -> Answer:
    """Queue the input; it begins a turn, or ends the wait for an approval by abandoning the calls that wait."""
    view, rules = session.state.view, session.rules
    refused = model_choice.refuse_work(session)
    if refused is not None:
        return refused
    if len(view.queued) >= limits.QUEUED_INPUTS:
        return SubmissionRefusal(codes.QUEUE_FULL, f"{len(view.queued)} inputs are queued already; send it again later")
    queued_chars = sum(len(queued.text) for queued in view.queued)
    if view.queued and queued_chars + len(submission.text) > QUEUED_CHARS_MAX:
        return SubmissionRefusal(codes.QUEUE_FULL, f"{queued_chars} characters are queued already; send it again later")
    if session.state.history_chars + queued_chars + len(submission.text) > rules.limits.history_chars_max:
        return SubmissionRefusal(codes.HISTORY_FULL, "the session's history is full; undo, or begin a new session")
    waits_for_approval = view.state == "awaiting_approval"
    accepted = session.accept(submission)
    if waits_for_approval:
        approvals.abandon(session)
        turn.go_on(session)
    else:
        turn.next_turn(session)
    return accepted


def on_withdraw(session: Session, submission: sub.Withdraw) -> Answer:
    """Take an input out of the queue. A guest's is one that came by the same link."""
    wanted = submission.submission_id
    waiting = next((one for one in session.state.view.queued if one.submission_id == wanted), None)
    if waiting is None or (session.share_id and waiting.share_id != session.share_id):
        return SubmissionRefusal(
            codes.INPUT_UNKNOWN, f"no input {wanted!r} of yours waits for its turn; it may have begun"
        )
    accepted = session.accept(submission)
    session.emit(ev.InputWithdrawn, submission_id=wanted, share_id=session.guest)
    return accepted


def on_interrupt(session: Session, submission: sub.Interrupt) -> Answer:
    """End the turn or compaction under way; the text so far is kept."""
    if not session.working:
        return SubmissionRefusal(codes.NOTHING_TO_INTERRUPT, "nothing is running")
    accepted = session.accept(submission)
    turn_id = session.state.view.turn_id
    session.stop_work("cancelled", "user", "interrupted")
    session.emit(ev.Interrupted, turn_id=turn_id, reason="user")
    turn.next_turn(session)
    return accepted


def on_undo(session: Session, submission: sub.Undo) -> Answer:
    """Take the last turn's messages out of the history."""
    if session.working:
        return SubmissionRefusal(codes.BUSY, "a turn is running; interrupt it first, or wait")
    view = session.state.view
    begins = last_turn(session.state)
    if begins == len(view.messages):
        return SubmissionRefusal(codes.NOTHING_TO_UNDO, "there is no turn to undo")
    if begins < session.state.context_from:
        return SubmissionRefusal(
            codes.NOTHING_TO_UNDO, "the last turn is part of a summary already and cannot be undone"
        )
    accepted = session.accept(submission)
    _remove_turns(session, begins)
    return accepted


def on_edit(session: Session, submission: sub.Edit) -> Answer:
    """Take the turn's messages and all later ones out of the history, and begin a turn with the new text."""
    if session.working:
        return SubmissionRefusal(codes.BUSY, "a turn is running; interrupt it first, or wait")
    refused = model_choice.refuse_work(session)
    if refused is not None:
        return refused
    begins = turn_begins(session.state, submission.turn_id)
    if begins is None:
        return SubmissionRefusal(
            codes.TURN_UNKNOWN, f"no user message in the history has the turn_id {submission.turn_id!r}"
        )
    if begins < session.state.context_from:
        return SubmissionRefusal(codes.TURN_UNKNOWN, "that turn is part of a summary already and cannot be edited")
    kept_chars = sum(map(size, session.state.view.messages[:begins]))
    if kept_chars + len(submission.text) > session.rules.limits.history_chars_max:
        return SubmissionRefusal(
            codes.HISTORY_FULL, "the session's history would be full; write less, or begin a new session"
        )
    accepted = session.accept(submission)
    _remove_turns(session, begins)
    turn.next_turn(session)
    return accepted


def _remove_turns(session: Session, begins: int) -> None:
    removed = session.state.view.messages[begins:]
    remaining: dict[str, None] = {}
    for message in removed:
        if (effects := _effects_of(session, message)) is not None:
            remaining[effects] = None
    restore = _snapshot_before(session, removed)
    session.emit(ev.UndoComplete, removed_messages=len(removed), kept=list(remaining), restore=restore)


def _effects_of(session: Session, message: Message) -> str | None:
    """What a call that ran did besides its answer, with the tool's name; None if nothing."""
    if not isinstance(message, ToolMessage) or message.state not in ("completed", "cancelled", "outcome_unknown"):
        return None
    effects = session.rules.tools.side_effects(message.tool)
    return None if effects is None else f"{message.tool}: {effects}"


def _snapshot_before(session: Session, removed: list[Message]) -> str | UnsetType:
    """The snapshot before the first of these messages' turns that had side effects, if there is one."""
    if not session.rules.saves_workspace:
        return UNSET
    turn_id = ""
    for message in removed:
        if isinstance(message, UserMessage):
            turn_id = message.turn_id
        elif _effects_of(session, message) is not None:
            saved = any(snapshot.snapshot_id == turn_id for snapshot in session.state.view.snapshots)
            return turn_id if saved else UNSET
    return UNSET


def on_compact(session: Session, submission: sub.Compact) -> Answer:
    """Replace the older part of the model's context by a summary that the model writes."""
    if session.working:
        return SubmissionRefusal(codes.BUSY, "a turn is running; interrupt it first, or wait")
    refused = model_choice.refuse_work(session)
    if refused is not None:
        return refused
    if compaction.first_kept(session) is None:
        return SubmissionRefusal(codes.NOTHING_TO_COMPACT, "the conversation is too short to compact")
    accepted = session.accept(submission)
    titles.give_way(session)
    compaction.begin(session)
    return accepted


def on_shutdown(session: Session, submission: sub.Shutdown) -> Answer:
    """Close the session for good: end its work and revoke its links."""
    accepted = session.accept(submission)
    if session.working:
        turn_id = session.state.view.turn_id
        session.stop_work("cancelled", "shutdown", "shutdown")
        session.emit(ev.Interrupted, turn_id=turn_id, reason="shutdown")
    for share in session.state.view.shares:
        session.emit(ev.Unshared, share_id=share.share_id)
    session.emit(ev.ShutdownEvent, reason="user")
    session.add_effect(EndSession())
    return accepted


def on_set_title(session: Session, submission: sub.SetTitle) -> Answer:
    """Set the title; an empty one takes it away."""
    accepted = session.accept(submission)
    if submission.title != session.state.view.title:
        session.emit(ev.TitleChanged, title=submission.title)
    return accepted


def on_share(session: Session, submission: sub.Share) -> Answer:
    """Make a link that opens the session for others."""
    if len(session.state.view.shares) >= session.rules.shares_max:
        return SubmissionRefusal(
            codes.TOO_MANY_SHARES, f"the session has {session.rules.shares_max} links; revoke one first"
        )
    accepted = session.accept(submission)
    session.emit(
        ev.Shared,
        share_id=share_id_of(accepted.submission_id),
        access=submission.access,
        may_set_model=True if submission.may_set_model and submission.access == "drive" else UNSET,
    )
    return accepted


def share_id_of(submission_id: str) -> str:
    """The id of the link that this `share` makes: unique in its session, in hexadecimal digits."""
    return hashlib.blake2b(submission_id.encode(), digest_size=12).hexdigest()


def on_unshare(session: Session, submission: sub.Unshare) -> Answer:
    """Revoke a link, and take back what its guests chose for the session."""
    if all(share.share_id != submission.share_id for share in session.state.view.shares):
        return SubmissionRefusal(codes.SHARE_UNKNOWN, f"the session has no link {submission.share_id!r}")
    accepted = session.accept(submission)
    # Its guests' inputs that wait get no turn: nobody could stop or answer for them.
    waiting = [one.submission_id for one in session.state.view.queued if one.share_id == submission.share_id]
    session.emit(ev.Unshared, share_id=submission.share_id, removed_inputs=waiting or UNSET)
    grants.end_link(session, submission.share_id)
    model_choice.end_link(session, submission.share_id)
    return accepted
