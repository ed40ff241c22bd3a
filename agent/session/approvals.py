"""The mind's answers about calls that wait: a person approves, rejects, edits, or allows for the session; or goes on without."""

from msgspec import UNSET, UnsetType

from agent.session import tool_calls, turn
from agent.session.messages import SubmissionRefusal
from agent.session.session import Session
from protocol import codes
from protocol import events as ev
from protocol.content import PendingTool, ToolMessage
from protocol.submissions import Approval, ExecApproval
from protocol.view import open_call


def on_exec_approval(session: Session, submission: ExecApproval) -> ev.Accepted | SubmissionRefusal:
    """All of the submission's answers, or none; the turn goes on when every call has one."""
    pending = {p.tool_call_id: p for p in session.state.view.pending_approval}
    answered: set[str] = set()
    for approval in submission.approvals:
        call_id = approval.tool_call_id
        if call_id in answered:
            return SubmissionRefusal(codes.INVALID, f"tool_call_id {call_id!r} is answered twice in this submission")
        if call_id not in pending:
            return _not_pending(session, call_id)
        answered.add(call_id)
        refused = _fault(session, approval, pending[call_id])
        if refused is not None:
            return refused
    accepted = session.accept(submission)
    for approval in submission.approvals:
        _settle(session, approval, pending[approval.tool_call_id])
    _let_granted_run(session)
    turn.go_on(session)
    return accepted


def abandon(session: Session) -> None:
    """The user goes on without an answer."""
    for pending in list(session.state.view.pending_approval):
        _change(session, pending, "abandoned", "user")


def _fault(session: Session, approval: Approval, call: PendingTool) -> SubmissionRefusal | None:
    """Why this answer cannot be taken. What the user wrote instead of the model must fit the tool and the policy too; and
    the policy, or whose tool has this name, may have become another since the call was asked for."""
    if approval.scope == "session" and (not approval.approved or call.grant is UNSET):
        return SubmissionRefusal(
            codes.INVALID, f"{call.tool_call_id}: this cannot be answered for the session, only once"
        )
    if not approval.approved:
        return None
    edited = not isinstance(approval.arguments, UnsetType)
    arguments = call.arguments if isinstance(approval.arguments, UnsetType) else approval.arguments
    tools = session.rules.tools
    prepared = tools.prepare(call.tool, arguments)
    if isinstance(prepared, str):  # what the model wrote itself, such as the name of a tool that has gone, it is told
        return SubmissionRefusal(codes.INVALID_ARGUMENTS, f"{call.tool_call_id}: {prepared}") if edited else None
    asked = tools.prepare(call.tool, call.arguments) if edited else prepared
    now = "" if isinstance(asked, str) else asked.effects.operation
    if call.operation is not UNSET and call.operation != now:
        why = (
            f"{call.tool_call_id}: {call.tool} was asked for as {call.operation!r} and is {now!r} now; reject the call"
        )
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
        return SubmissionRefusal(codes.APPROVAL_STALE, f"call {call_id!r} does not wait for an answer any more")
    return SubmissionRefusal(codes.APPROVAL_UNKNOWN, f"no call {call_id!r} waits for an answer")


def _settle(session: Session, approval: Approval, call: PendingTool) -> None:
    if not approval.approved:
        _change(session, call, "rejected", "user", feedback=approval.feedback)
        return
    edited = UNSET if approval.arguments == call.arguments else approval.arguments
    grant = call.grant if approval.scope == "session" else UNSET
    _change(session, call, "approved", "user", feedback=approval.feedback, arguments=edited, grant=grant)


def _let_granted_run(session: Session) -> None:
    """Other calls that wait, and are covered by what was just allowed for the session, need no answer of their own."""
    reserved = 0.0
    for call in list(session.state.view.pending_approval):
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
    )
