"""Grants: takes back what was allowed or refused for the session, by request and when a guest's link is revoked; sets the mode."""

from typing import Literal

from msgspec import UNSET

from agent.session import tool_calls
from agent.session.messages import SetGrants, SubmissionRefusal
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol.content import OpenCall, PendingTool
from protocol.submissions import RevokeGrant, SetMode


def on_revoke_grant(session: Session, submission: RevokeGrant) -> ev.Accepted | SubmissionRefusal:
    """Take back one grant, or one denial. Calls that a grant approved and that have not begun wait for an approval again."""
    view = session.state.view
    if submission.grant not in view.grants and submission.grant not in view.denials:
        return SubmissionRefusal(codes.GRANT_UNKNOWN, f"this session does not allow or refuse {submission.grant!r}")
    accepted = session.accept(submission)
    _revoke(session, submission.grant, "user")
    _ask_again(session, "")
    return accepted


def on_set_mode(session: Session, submission: SetMode) -> ev.Accepted | SubmissionRefusal:
    """Choose the mode. Calls that the policy approved in another mode and that have not begun are judged again."""
    if session.share_id:
        return SubmissionRefusal(codes.FORBIDDEN, "only the session's owner may choose the mode")
    names = session.rules.policy.mode_names
    if submission.mode not in names:
        return SubmissionRefusal(
            codes.MODE_UNKNOWN, f"there is no mode {submission.mode!r}; there are {', '.join(names)}"
        )
    accepted = session.accept(submission)
    if submission.mode != session.state.view.mode:
        session.emit(ev.ModeChanged, mode=submission.mode)
        _ask_again(session, "")
    return accepted


def set_for_subagents(session: Session) -> None:
    """Bind the sub-agents that run by what the session allows and refuses now."""
    view = session.state.view
    session.add_effect(SetGrants(tuple(view.grants), tuple(view.denials)))


def end_link(session: Session, share_id: str) -> None:
    """A link was revoked: take back what its guests chose for the session, and the approvals of calls that have not begun."""
    for grant, giver in list(session.state.view.guest_grants.items()):
        if giver == share_id:
            _revoke(session, grant, "unshared")
    _ask_again(session, share_id)


def _revoke(session: Session, grant: str, reason: Literal["user", "unshared"]) -> None:
    session.emit(ev.GrantRevoked, grant=grant, reason=reason)
    set_for_subagents(session)


def _ask_again(session: Session, share_id: str) -> None:
    """Approved calls that have not begun wait again, if a grant approved them that is gone, or a guest of this link."""
    view = session.state.view
    again = [pending for call in view.open_calls if (pending := _pending_again(session, call, share_id)) is not None]
    if again:
        waiting = [*view.pending_approval, *again]
        session.emit(ev.ApprovalRequired, tools=waiting, count=len(waiting))


def _pending_again(session: Session, call: OpenCall, share_id: str) -> PendingTool | None:
    if call.state != "approved":
        return None
    guests = call.share_id is not UNSET and call.share_id == share_id
    prepared = session.rules.tools.prepare(call.tool, call.arguments)
    if isinstance(prepared, str):  # it cannot run any more, whoever approved it
        return None
    verdict = tool_calls.verdict_on(session, call.tool, call.arguments, prepared.effects)
    if guests or (call.by == "policy" and verdict.action != "allow"):
        return tool_calls.pending_tool(call, verdict, prepared.effects)
    return None
