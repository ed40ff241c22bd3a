"""Model choice: who may choose the session's model, and what becomes of a guest's choice when the link is revoked."""

from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from agent.session.messages import SubmissionRefusal
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol.content import ShareLink
from protocol.submissions import SetModel


def on_set_model(session: Session, submission: SetModel) -> ev.Accepted | SubmissionRefusal:
    """Choose the model, and how long it thinks, for the next model call. A guest may if the link says so."""
    if not may_choose(session.guest, session.state.view.shares):
        return SubmissionRefusal(codes.FORBIDDEN, "your link does not let you set the model; ask the session's owner")
    complaint = session.rules.refuse_model(submission.model)
    if complaint is not None:
        return SubmissionRefusal(codes.UNKNOWN_MODEL, complaint)
    accepted = session.accept(submission)
    view, effort = session.state.view, submission.reasoning_effort
    if (submission.model, effort) != (view.model, view.reasoning_effort):
        session.emit(ev.ModelChanged, model=submission.model, reasoning_effort=effort)
    return accepted


def end_link(session: Session, share_id: str) -> None:
    """A link was revoked: what is said from now on does not go to a model that its guests chose."""
    state = session.state
    if not share_id or state.model_by != share_id:
        return
    owners = state.owners_model
    model = owners.model or session.rules.default_model
    if session.rules.refuse_model(model) is not None:
        model = session.rules.default_model
    effort = owners.reasoning_effort
    if (model, effort) != (state.view.model, state.view.reasoning_effort):
        session.emit(ev.ModelChanged, model=model, reasoning_effort=effort, reason="unshared")


def refuse_work(session: Session) -> SubmissionRefusal | None:
    """Why no work may begin now, or None: the user's bounds, or a model that was chosen and may not be used any more."""
    refused = session.rules.refuse_work()
    if refused is None and session.state.model_chosen:
        complaint = session.rules.refuse_model(session.state.view.model)
        if complaint is not None:
            return SubmissionRefusal(codes.UNKNOWN_MODEL, f"the session's model cannot be used: {complaint}")
    return refused


def may_choose(guest: str | UnsetType, shares: Iterable[ShareLink]) -> bool:
    """Whether the owner (UNSET), or a guest by the link of this id, may choose the model."""
    return guest is UNSET or any(share.share_id == guest and share.may_set_model is True for share in shares)
