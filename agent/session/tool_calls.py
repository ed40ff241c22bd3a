"""Tool-call lifecycle: announces calls, refuses, starts or holds them for approval, takes their questions and results."""

import math
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from agent.models import ModelReply, RawToolCall
from agent.models.tool_calls import MAX_ID_CHARS, Unreadable, read_arguments, sound_name
from agent.policy.effects import Effects
from agent.policy.policy import Spent, Verdict, evaluate
from agent.redaction import Redactor
from agent.session import repetition, snapshots
from agent.session.messages import (
    AnswerCall,
    NotesWritten,
    QuestionWithdrawn,
    RunTool,
    SubmissionRefusal,
    ToolAsked,
    ToolDone,
    ToolLogged,
    ToolSpent,
    ToolStepped,
)
from agent.session.session import Session
from agent.session.state import SessionState
from agent.tools.base import ToolResult
from protocol import codes
from protocol import events as ev
from protocol.content import AssistantMessage, OpenCall, PendingTool, Question, QuestionField, ToolCall
from protocol.submissions import AnswerQuestion
from protocol.view import open_call
from protocol.visible import exact

MAX_MALFORMED_CHARS = 2_000
"""How much is kept of arguments that cannot be read."""


def begin(session: Session, calls: list[tuple[ToolCall, str | None]]) -> None:
    """Announce the calls. Invalid ones get a complaint as result, allowed ones start, the others need an approval."""
    for call, _ in calls:
        session.emit(ev.ToolCallEvent, tool_call_id=call.tool_call_id, tool=call.tool, arguments=call.arguments)
    pending: list[PendingTool] = []
    reserved = 0.0
    for call, complaint in calls:
        prepared = complaint or session.rules.tools.prepare(call.tool, call.arguments)
        if isinstance(prepared, str):
            _refuse(session, call, prepared)
            continue
        effects = prepared.effects
        verdict = verdict_on(session, call.tool, call.arguments, effects, reserved)
        if verdict.action == "allow":
            reserved += effects.cost_usd or 0.0
            run(session, call.tool_call_id, call.tool, call.arguments, "policy")
        elif verdict.action == "ask":
            pending.append(pending_tool(call, verdict, effects))
        else:
            _refuse(session, call, f"not run: this server's policy refuses it ({verdict.reason})")
    if pending:
        session.emit(ev.ApprovalRequired, tools=pending, count=len(pending))


def pending_tool(call: ToolCall | OpenCall, verdict: Verdict, effects: Effects) -> PendingTool:
    """A call that waits for an approval, as the verdict asks for it. In the reason, what cannot be seen is marked."""
    grant = UNSET if verdict.grant is None else verdict.grant
    operation = effects.operation or UNSET
    return PendingTool(call.tool_call_id, call.tool, call.arguments, exact(verdict.reason), grant, operation)


def verdict_on(
    session: Session, tool: str, arguments: dict[str, Any], effects: Effects, reserved_usd: float = 0.0
) -> Verdict:
    """The policy's verdict on a call. `reserved_usd`: the estimated cost of calls that start in the same decision."""
    state, rules, view = session.state, session.rules, session.state.view
    spent = Spent(state.spent_usd + reserved_usd, state.cost_unknown)
    changes = rules.tools.side_effects(tool) is not None
    held = partial(evaluate, denials=view.denials, mode=view.mode, changes=changes)
    return held(rules.policy, tool, arguments, effects, view.grants, spent)


def run(session: Session, call_id: str, tool: str, arguments: dict[str, Any], by: str) -> None:
    """Start the call. `by`: who allowed it, "policy" or "user"."""
    view = session.state.view
    session.emit(ev.ToolStateChange, tool_call_id=call_id, tool=tool, state="running", by=by)
    snapshots.start_call(
        session, RunTool(call_id, tool, arguments, view.model, tuple(view.grants), tuple(view.denials))
    )


def on_tool_logged(session: Session, logged: ToolLogged) -> None:
    """Emit live output of a running call, each part within the limit of one event."""
    call = _running(session, logged.tool_call_id)
    if call is None:
        return
    limit = session.rules.chunk_max_chars
    for start in range(0, len(logged.text), limit):
        text = logged.text[start : start + limit]
        session.emit(ev.ToolLog, tool_call_id=call.tool_call_id, offset=len(call.log), text=text)


def on_tool_stepped(session: Session, stepped: ToolStepped) -> None:
    """Emit a step of a running call's sub-agent."""
    if _running(session, stepped.tool_call_id) is not None:
        session.emit(ev.ToolStep, tool_call_id=stepped.tool_call_id, step=stepped.step)


def spend(session: Session, spent: ToolSpent) -> bool:
    """Emit the usage of a sub-agent's model call. Returns whether the sub-agent's tool call still runs."""
    if _running(session, spent.tool_call_id) is None:
        return False
    own = session.state.view.usage
    session.emit_usage(spent.usage, own.context_tokens, own.context_limit, spent.tool_call_id)
    return True


def finish(session: Session, done: ToolDone) -> bool:
    """Emit the result of a running call. Returns False if the call does not run any more."""
    call = _running(session, done.tool_call_id)
    if call is None:
        return False
    result = done.result
    if result.plan is not None:
        session.emit(ev.PlanUpdate, items=list(result.plan))
    result = msgspec.structs.replace(result, output=repetition.with_note(session, call.tool_call_id, result.output))
    if result.outcome_unknown:
        session.end_call(call, "outcome_unknown", "policy", result.output)
    else:
        _output(session, call, result, done.duration_ms, _cost(session, call, result))
    return True


def on_notes_written(session: Session, written: NotesWritten) -> None:
    """Record that AGENTS.md changed while a call ran, unless the owner uploaded what it is now.

    Of calls that ran at the same time, the first one that ended is recorded.
    """
    state = session.state
    turn_id, last = state.view.turn_id, state.notes_by
    if turn_id is None or written.digest == state.view.notes_digest:
        return
    if last is not None and (last.digest, last.turn_id) == (written.digest, turn_id):
        return
    session.emit(
        ev.NotesChanged,
        tool_call_id=written.tool_call_id,
        tool=written.tool,
        digest=written.digest,
        share_id=state.turn_guest or UNSET,
    )


def _running(session: Session, call_id: str) -> OpenCall | None:
    call = open_call(session.state.view, call_id)
    return call if call is not None and call.state == "running" else None


def _cost(session: Session, call: OpenCall, result: ToolResult) -> float | UnsetType:
    """The cost that the tool reports; else the estimate if the call succeeded."""
    reported = result.cost_usd
    if reported is not None and math.isfinite(reported) and reported >= 0:
        return reported
    estimated = session.estimate(call.tool, call.arguments) if result.success else 0.0
    return estimated or UNSET


def _refuse(session: Session, call: ToolCall, why: str) -> None:
    output = repetition.with_note(session, call.tool_call_id, why)
    _output(session, call, ToolResult(output=output, success=False), 0)


def _output(
    session: Session, call: ToolCall | OpenCall, result: ToolResult, ms: int, cost_usd: float | UnsetType = UNSET
) -> None:
    session.emit(
        ev.ToolOutput,
        tool_call_id=call.tool_call_id,
        tool=call.tool,
        output=result.output,
        success=result.success,
        truncated=result.truncated,
        duration_ms=ms,
        cost_usd=cost_usd,
        changes=list(result.changes) or UNSET,
    )


def read_calls(
    reply: ModelReply, state: SessionState, calls_max: int, redactor: Redactor
) -> list[tuple[ToolCall, str | None]]:
    """The calls of a reply, each with a complaint for the model if it cannot be run as written.

    An id that is missing, too long or used before is replaced.
    """
    if not reply.tool_calls:
        return []
    used = {c.tool_call_id for m in state.view.messages if isinstance(m, AssistantMessage) for c in m.tool_calls}
    calls: list[tuple[ToolCall, str | None]] = []
    for number, raw in enumerate(reply.tool_calls):
        call_id = raw.id
        if not call_id or len(call_id) > MAX_ID_CHARS or call_id in used:
            call_id = f"call-{state.view.seq + 1}-{number}"
        used.add(call_id)
        cut_short = reply.finish_reason == "length" and number == len(reply.tool_calls) - 1
        call, complaint = _read_call(raw, call_id, cut_short, redactor)
        if complaint is None and number >= calls_max:
            complaint = f"not run: more than {calls_max} calls in one message; ask again for what is missing"
        calls.append((call, complaint))
    return calls


def _read_call(raw: RawToolCall, call_id: str, cut_short: bool, redactor: Redactor) -> tuple[ToolCall, str | None]:
    name = sound_name(raw.name)
    try:
        arguments = read_arguments(raw.arguments, cut_short)
    except Unreadable as error:
        malformed = redactor.redact(raw.arguments)[:MAX_MALFORMED_CHARS] or UNSET
        return ToolCall(call_id, name, {}, malformed=malformed), f"not run: {redactor.redact(str(error))}"
    arguments = {redactor.redact(key): redactor.redact_value(value) for key, value in arguments.items()}
    return ToolCall(call_id, name, arguments), None


QUESTIONS_MAX = 8
"""Questions of one session that may wait at once; more are declined. A person answers one after another."""


def on_tool_asked(session: Session, asked: ToolAsked) -> None:
    """Show the question, if its call runs and few others wait; decline it otherwise."""
    view, question = session.state.view, asked.question
    call = open_call(view, question.tool_call_id)
    if call is None or call.state != "running" or len(view.questions) >= QUESTIONS_MAX:
        session.add_effect(AnswerCall(question.question_id, "decline"))
    else:
        session.emit(ev.AskUser, question=question)


def on_question_withdrawn(session: Session, withdrawn: QuestionWithdrawn) -> None:
    """Close a question whose asker does not wait any more."""
    question = _question(session, withdrawn.question_id)
    if question is not None:
        _close_question(session, question, "withdrawn")


def on_answer_question(session: Session, submission: AnswerQuestion) -> ev.Accepted | SubmissionRefusal:
    """Give the call the answer. The first answer counts."""
    question = _question(session, submission.question_id)
    if question is None:
        return SubmissionRefusal(codes.QUESTION_UNKNOWN, f"no question {submission.question_id!r} waits for an answer")
    content: dict[str, Any] = dict(submission.content)
    if submission.action == "accept":
        complaint = content_fault(question, content)
        if complaint is not None:
            return SubmissionRefusal(codes.INVALID, complaint)
    elif content:
        return SubmissionRefusal(codes.INVALID, "`content` is for the action `accept` alone")
    accepted = session.accept(submission)
    _close_question(session, question, submission.action)
    session.add_effect(AnswerCall(question.question_id, submission.action, content))
    return accepted


def content_fault(question: Question, content: dict[str, Any]) -> str | None:
    """What is wrong with the values of a question's fields; None if nothing is."""
    fields = {field.name: field for field in question.fields}
    for name, value in content.items():
        if name not in fields:
            return f"the question has no field {name!r}"
        if not _fits_field(fields[name], value):
            return f"`{name}` does not fit: it is a field of the kind `{fields[name].kind}`"
    missing = [field.name for field in question.fields if field.required and field.name not in content]
    return f"`{missing[0]}` is required" if missing else None


def _fits_field(field: QuestionField, value: object) -> bool:
    values = {option.value for option in field.options}
    match field.kind:
        case "text":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "choice":
            return isinstance(value, str) and value in values
        case "choices":
            return isinstance(value, list) and len(set(value)) == len(value) and values.issuperset(value)


def _question(session: Session, question_id: str) -> Question | None:
    return next((one for one in session.state.view.questions if one.question_id == question_id), None)


def _close_question(session: Session, question: Question, action: str) -> None:
    session.emit(
        ev.QuestionClosed,
        question_id=question.question_id,
        tool_call_id=question.tool_call_id,
        action=action,
        share_id=session.guest,
    )
