"""The mind's orders: the tool calls of one message are announced, refused, begun or put before a person, and get their results."""

import math
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from agent.policy.policy import Spent, Verdict, evaluate
from agent.session import repetition
from agent.session.messages import RunTool, ToolDone, ToolLogged, ToolSpent, ToolStepped
from agent.session.session import Session
from agent.tools.base import ToolResult
from protocol import events as ev
from protocol.content import OpenCall, PendingTool, ToolCall
from protocol.view import open_call


def begin(session: Session, calls: list[tuple[ToolCall, str | None]]) -> None:
    """Announce the calls; those that are wrong get their complaint, those that run freely begin, the rest is asked for."""
    for call, _ in calls:
        session.emit(ev.ToolCallEvent, tool_call_id=call.tool_call_id, tool=call.tool, arguments=call.arguments)
    asked: list[PendingTool] = []
    reserved = 0.0
    for call, fault in calls:
        complaint = fault or session.rules.tools.check(call.tool, call.arguments)
        if complaint is not None:
            _refuse(session, call, complaint)
            continue
        verdict = verdict_on(session, call.tool, call.arguments, reserved)
        if verdict.action == "allow":
            reserved += session.estimate(call.tool, call.arguments)
            run(session, call.tool_call_id, call.tool, call.arguments, "policy")
        elif verdict.action == "ask":
            grant = UNSET if verdict.grant is None else verdict.grant
            operation = session.rules.tools.effects(call.tool, call.arguments).operation or UNSET
            asked.append(PendingTool(call.tool_call_id, call.tool, call.arguments, verdict.reason, grant, operation))
        else:
            _refuse(session, call, f"not run: this server's policy refuses it ({verdict.reason})")
    if asked:
        session.emit(ev.ApprovalRequired, tools=asked, count=len(asked))


def verdict_on(session: Session, tool: str, arguments: dict[str, Any], reserved_usd: float = 0.0) -> Verdict:
    """What the policy says of a call; `reserved_usd`: what calls that just began are estimated to cost."""
    state, rules = session.state, session.rules
    spent = Spent(state.spent_usd + reserved_usd, state.cost_unknown)
    return evaluate(rules.policy, tool, arguments, rules.tools.effects(tool, arguments), state.view.grants, spent)


def run(session: Session, call_id: str, tool: str, arguments: dict[str, Any], by: str) -> None:
    """Let the call begin."""
    view = session.state.view
    session.emit(ev.ToolStateChange, tool_call_id=call_id, tool=tool, state="running", by=by)
    session.add_effect(RunTool(call_id, tool, arguments, view.model, tuple(view.grants)))


def on_tool_logged(session: Session, logged: ToolLogged) -> None:
    """Live output of a running call, each piece within the bound of one."""
    call = _running(session, logged.tool_call_id)
    if call is None:
        return
    bound = session.rules.chunk_max_chars
    for start in range(0, len(logged.text), bound):
        piece = logged.text[start : start + bound]
        session.emit(ev.ToolLog, tool_call_id=call.tool_call_id, offset=len(call.log), text=piece)


def on_tool_stepped(session: Session, stepped: ToolStepped) -> None:
    """A sub-agent's own call, inside of a running one."""
    if _running(session, stepped.tool_call_id) is not None:
        session.emit(ev.ToolStep, tool_call_id=stepped.tool_call_id, step=stepped.step)


def spend(session: Session, spent: ToolSpent) -> bool:
    """What a sub-agent's model call took; whether its call still runs."""
    if _running(session, spent.tool_call_id) is None:
        return False
    usage, own = spent.usage, session.state.view.usage
    session.emit(
        ev.UsageEvent,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=usage.cost_usd,
        context_tokens=own.context_tokens,
        context_limit=own.context_limit,
        tool_call_id=spent.tool_call_id,
    )
    return True


def finish(session: Session, done: ToolDone) -> bool:
    """A running call has its result; False if it does not run any more."""
    call = _running(session, done.tool_call_id)
    if call is None:
        return False
    result = done.result
    if result.plan is not None:
        session.emit(ev.PlanUpdate, items=list(result.plan))
    result = msgspec.structs.replace(result, output=repetition.with_note(session, call.tool_call_id, result.output))
    _output(session, call, result, done.duration_ms, _cost(session, call, result))
    return True


def _running(session: Session, call_id: str) -> OpenCall | None:
    call = open_call(session.state.view, call_id)
    return call if call is not None and call.state == "running" else None


def _cost(session: Session, call: OpenCall, result: ToolResult) -> float | UnsetType:
    """What the call cost: as it says itself, else as it was estimated if it did what it was to do."""
    told = result.cost_usd
    if told is not None and math.isfinite(told) and told >= 0:
        return told
    guessed = session.estimate(call.tool, call.arguments) if result.success else 0.0
    return guessed or UNSET


def _refuse(session: Session, call: ToolCall, why: str) -> None:
    said = repetition.with_note(session, call.tool_call_id, why)
    _output(session, call, ToolResult(output=said, success=False), 0)


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
    )
