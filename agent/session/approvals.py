"""Approvals: a user approves, rejects or edits pending tool calls, once or for the session."""

from msgspec import UNSET, UnsetType

from agent.policy.policy import writes_notes
from agent.session import grants, tool_calls, turn
from agent.session.messages import SubmissionRefusal
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol.content import PendingTool, ToolMessage
from protocol.submissions import Approval, ExecApproval
from protocol.view import open_call


def on_exec_approval(session: Session, submission: ExecApproval) -> ev.Accepted | SubmissionRefusal:
    """Apply all approvals of the submission, or none. The turn continues when every pending call has its answer."""
    pending = {p.tool_call_id: p for p in session.state.view.pending_approval}
    answered: set[str] = set()
    for approval in submission.approvals:
        call_id = approval.tool_call_id
        if call_id in answered:
            return SubmissionRefusal(codes.INVALID, f"tool_call_id {call_id!r} is answered twice in this submission")
        if call_id not in pending:
            return _not_pending(session, call_id)
        answered.add(call_id)
        refused = _refusal(session, approval, pending[call_id])
        if refused is not None:
            return refused
    accepted = session.accept(submission)
    for approval in submission.approvals:
        _apply(session, approval, pending[approval.tool_call_id])
    _answer_for_session(session)
    turn.go_on(session)
    return accepted


def abandon(session: Session) -> None:
    """The user sent another input instead of answers: the pending calls are abandoned."""
    for pending in list(session.state.view.pending_approval):
        _change(session, pending, "abandoned", "user")


def _refusal(session: Session, approval: Approval, call: PendingTool) -> SubmissionRefusal | None:
    """Why this approval is refused, or None. Arguments that the user edited must be valid for the tool and the policy too. The
    policy, and the tool of this name, may have changed since the approval was requested."""
    if approval.scope == "session" and call.grant is UNSET:
        return SubmissionRefusal(
            codes.INVALID, f"{call.tool_call_id}: this cannot be answered for the session, only once"
        )
    given = session.state.view.grants if approval.approved else session.state.view.denials
    if approval.scope == "session" and len(given) >= session.rules.grants_max:
        what = "allows" if approval.approved else "refuses"
        why = f"this session {what} {session.rules.grants_max} things already; revoke one first, or answer once"
        return SubmissionRefusal(codes.TOO_MANY_GRANTS, why)
    if not approval.approved:
        return None
    edited = not isinstance(approval.arguments, UnsetType)
    arguments = call.arguments if isinstance(approval.arguments, UnsetType) else approval.arguments
    if session.share_id and writes_notes(call.tool, arguments):
        return SubmissionRefusal(
            codes.FORBIDDEN, f"{call.tool_call_id}: only the session's owner may approve that AGENTS.md is written"
        )
    tools = session.rules.tools
    prepared = tools.prepare(call.tool, arguments)
    if isinstance(
        prepared, str
    ):  # the model gets the complaint about what it wrote itself, such as a tool that is gone
        return SubmissionRefusal(codes.INVALID_ARGUMENTS, f"{call.tool_call_id}: {prepared}") if edited else None
    original = tools.prepare(call.tool, call.arguments) if edited else prepared
    now = "" if isinstance(original, str) else original.effects.operation
    if call.operation is not UNSET and call.operation != now:
        why = f"{call.tool_call_id}: {call.tool} was {call.operation!r} when it was shown and is {now!r} now; reject the call"
        return SubmissionRefusal(codes.FORBIDDEN, why)
    verdict = tool_calls.verdict_on(session, call.tool, arguments, prepared.effects)
    if verdict.action != "deny":
        return None
    why = f"{call.tool_call_id}: this server's policy refuses it ({verdict.reason})"
    return (
        SubmissionRefusal(codes.INVALID_ARGUMENTS, why)
        if edited
        else SubmissionRefusal(codes.FORBIDDEN, f"{why}; reject the call")
    )


def _not_pending(session: Session, call_id: str) -> SubmissionRefusal:
    view = session.state.view
    known = open_call(view, call_id) is not None or any(
        isinstance(m, ToolMessage) and m.tool_call_id == call_id for m in view.messages
    )
    if known:
        return SubmissionRefusal(codes.APPROVAL_STALE, f"call {call_id!r} does not wait for an approval any more")
    return SubmissionRefusal(codes.APPROVAL_UNKNOWN, f"no call {call_id!r} waits for an approval")


def _apply(session: Session, approval: Approval, call: PendingTool) -> None:
    if not approval.approved:
        _change(session, call, "rejected", "user", feedback=approval.feedback)
        if approval.scope == "session":
            session.emit(ev.GrantDenied, grant=call.grant, share_id=session.guest)
            grants.set_for_subagents(session)
        return
    edited = UNSET if approval.arguments == call.arguments else approval.arguments
    grant = call.grant if approval.scope == "session" else UNSET
    _change(session, call, "approved", "user", feedback=approval.feedback, arguments=edited, grant=grant)


def _answer_for_session(session: Session) -> None:
    """Approve or reject the other pending calls that a new grant or denial covers."""
    reserved = 0.0
    for call in list(session.state.view.pending_approval):
        if call.grant is not UNSET and call.grant in session.state.view.denials:
            _change(session, call, "rejected", "policy")
            continue
        if call.grant is UNSET or call.grant not in session.state.view.grants:
            continue
        prepared = session.rules.tools.prepare(call.tool, call.arguments)
        if isinstance(prepared, str):
            continue
        effects = prepared.effects
        if tool_calls.verdict_on(session, call.tool, call.arguments, effects, reserved).action == "allow":
            reserved += effects.cost_usd or 0.0
            _change(session, call, "approved", "policy")


def _change(
    session: Session,
    call: PendingTool,
    state: str,
    by: str,
    *,
    feedback: str = "",
    arguments: dict[str, object] | UnsetType = UNSET,
    grant: str | UnsetType = UNSET,
) -> None:
    session.emit(
        ev.ToolStateChange,
        tool_call_id=call.tool_call_id,
        tool=call.tool,
        state=state,
        by=by,
        feedback=feedback or UNSET,
        arguments=arguments,
        grant=grant,
        share_id=session.guest,
    )
