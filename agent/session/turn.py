"""Turn: model call, tool calls, results, model call, until there are no calls, a limit, an interrupt or an error."""

from agent.models import ModelReply
from agent.models.provider_state import bytes_sent_back
from agent.session import compaction, context, repetition, titles, tool_calls
from agent.session.messages import (
    CallModel,
    Delta,
    ModelDone,
    ModelFailed,
    SummaryDone,
    SummaryFailed,
    ToolDone,
    ToolSpent,
)
from agent.session.session import Session
from agent.session.state import last_answer
from agent.util.text import BYTES_A_TOKEN, without_thoughts
from protocol import codes
from protocol import events as ev
from protocol.content import QueuedInput

NO_ANSWER = "model_no_answer"
WHY_NO_ANSWER = {
    "content_filter": "it, or its provider's content filter, refused. Say it in another way, or choose another model.",
    "length": "it used all the tokens that it may write, for thinking perhaps. Ask for less, or let it think less.",
    "pause_turn": 'its provider paused it. Say "go on".',
}
"""By the reason to finish: what to tell the user of an answer without a word."""

NOTES_FRACTION = 0.125
"""The fraction of the model's context limit that the project's notes may take."""


def next_turn(session: Session) -> None:
    """Begin the turn of the oldest queued input, if nothing is under way and no other server is to go on."""
    if not session.leaving and not session.working and session.state.view.queued:
        _begin_turn(session, session.state.view.queued[0])


def _begin_turn(session: Session, queued: QueuedInput) -> None:
    titles.give_way(session)
    turn_id = f"turn-{session.state.view.seq + 1}"
    session.emit(ev.Processing, turn_id=turn_id, submission_id=queued.submission_id)
    if not session.state.view.title:
        session.emit(ev.TitleChanged, title=titles.first_line(queued.text))
    call_model(session)


def call_model(session: Session) -> None:
    """Call the model for the next message, unless a limit is reached or the context must be compacted first."""
    state, rules = session.state, session.rules
    if state.iterations >= rules.turn.max_iterations:
        message = f'the turn used its {rules.turn.max_iterations} model calls; say "go on" to continue'
        fail_turn(session, codes.MAX_ITERATIONS, message, True)
    elif (refused := rules.refuse_work()) is not None and refused.code == codes.BUDGET_EXHAUSTED:
        fail_turn(session, refused.code, refused.message, True)
    elif state.history_chars > rules.limits.history_chars_max:
        fail_turn(session, codes.HISTORY_FULL, "the session's history is full; undo, or begin a new session", False)
    elif compaction.is_due(session):
        compaction.begin(session)
    elif (tokens := compaction.tokens(session)) > (limit := compaction.limit(session)):
        message = f"the conversation takes about {tokens} tokens and {state.view.model} takes {limit}; undo, or begin a new session"
        if rules.overhead_tokens > limit // 2:
            message += (
                f". Of these about {rules.overhead_tokens} are for the tools: give its server a larger context, or call it "
                "without tools (`tools: false` in the model's entry)"
            )
        fail_turn(session, codes.CONTEXT_OVERFLOW, message, False)
    else:
        session.model_call_id = f"msg-{state.view.seq + 1}"
        messages = context.build(state, rules.system_prompt)
        effort = state.view.reasoning_effort
        notes = int(NOTES_FRACTION * limit)
        session.add_effect(
            CallModel(
                session.model_call_id,
                state.view.model,
                messages,
                effort,
                notes,
                state.view.notes_digest,
                state.notes_by,
            )
        )


def go_on(session: Session) -> None:
    """Once no call waits for an approval, run the approved ones; once every call has its result, call the model again."""
    view = session.state.view
    if view.pending_approval:
        return
    for call in list(view.open_calls):
        if call.state == "approved":
            tool_calls.run(session, call.tool_call_id, call.tool, call.arguments, "user")
    if view.open_calls or session.model_call_id is not None or session.summary_id is not None:
        return
    loop = repetition.find_loop(session)
    if loop is not None:
        fail_turn(session, codes.REPEATED_CALLS, loop, True)
        return
    _join_steering(session)
    call_model(session)


def fail_turn(session: Session, code: str, message: str, retryable: bool) -> None:
    """End the turn or compaction under way with an error; the session continues."""
    turn_id = session.state.view.turn_id
    session.stop_work("cancelled", "policy", "error")
    session.emit(ev.ErrorEvent, code=code, message=message, retryable=retryable, turn_id=turn_id)
    next_turn(session)


def on_delta(session: Session, delta: Delta, redacted: str) -> None:
    """Emit what is redacted of the model's text as chunks, each within the limit of one."""
    if delta.message_id != session.model_call_id:
        return
    message, kind = session.state.view.open_message, delta.kind
    before = 0 if message is None else len(message.text if kind == "text" else message.reasoning)
    limit = session.rules.chunk_max_chars
    for at in range(0, len(redacted), limit):
        session.emit_chunk(delta.message_id, before + at, redacted[at : at + limit], kind)


def on_model_done(session: Session, done: ModelDone) -> None:
    """The message is complete: begin its tool calls, or end the turn."""
    if done.message_id != session.model_call_id:
        return
    session.model_call_id = None
    view, reply = session.state.view, done.reply
    calls = tool_calls.read_calls(
        reply, session.state, session.rules.tool_calls_per_message_max, session.rules.redactor
    )
    message = view.open_message
    event = session.emit(
        ev.AssistantMessageEvent,
        message_id=done.message_id,
        text=message.text if message else "",
        reasoning=message.reasoning if message else "",
        tool_calls=[call for call, _ in calls],
        finish_reason=reply.finish_reason,
        sealed=False,
    )
    if reply.provider_state:
        session.keep_provider_state(event, reply.provider_state)
    if (usage := reply.usage) is not None:
        reasoning = event.reasoning if calls or session.state.iterations > 1 else ""
        returned = bytes_sent_back(reply.provider_state, reasoning) // BYTES_A_TOKEN
        kept = usage.input_tokens + usage.output_tokens - max(0, usage.reasoning_tokens - returned)
        session.emit_usage(usage, kept, compaction.limit(session))
    if calls:
        tool_calls.begin(session, calls)
        go_on(session)
    elif any(queued.when == "steer" for queued in view.queued):
        _join_steering(session)
        call_model(session)
    elif (why := _no_answer(message.reasoning if message else "", message.text if message else "", reply)) is not None:
        fail_turn(session, NO_ANSWER, f"The model {view.model} gave no answer: {why}", True)
    else:
        _complete(session)


def _no_answer(reasoning: str, text: str, reply: ModelReply) -> str | None:
    """Why a message is empty that ends a turn, or None. After a tool's result a model may have nothing to add."""
    if text.strip():
        return None
    if reply.finish_reason in WHY_NO_ANSWER:
        return WHY_NO_ANSWER[reply.finish_reason]
    return "it thought, and then said nothing. Try again." if reasoning.strip() else None


def _complete(session: Session) -> None:
    view = session.state.view
    session.emit(
        ev.TurnComplete,
        turn_id=view.turn_id,
        history_size=len(view.messages),
        final_response=last_answer(session.state),
    )
    next_turn(session)
    titles.begin(session)


def on_model_failed(session: Session, failed: ModelFailed) -> None:
    """The model call failed: keep the partial text and end the turn with the error.

    A conversation that was too long is compacted, if that helps: the refusal may have said how long it may be.
    """
    if failed.message_id != session.model_call_id:
        return
    session.model_call_id = None
    began = session.state.view.open_message is not None
    if failed.code == "model_context_exceeded" and not began and compaction.is_due(session):
        compaction.begin(session)
    else:
        fail_turn(session, failed.code, failed.message, failed.retryable)


def on_summary_done(session: Session, done: SummaryDone) -> None:
    """The summary is there: compact, then continue the turn that needed it, if there is one."""
    if done.summary_id != session.summary_id:
        return
    session.summary_id = None
    if not without_thoughts(done.text):
        fail_turn(session, codes.COMPACTION_FAILED, "the model gave an empty summary; the context is unchanged", True)
        return
    if session.state.in_turn:
        compaction.finish(session, done, None)
        call_model(session)
    else:
        compaction.finish(session, done, session.state.view.turn_id)
        next_turn(session)


def on_summary_failed(session: Session, failed: SummaryFailed) -> None:
    """There is no summary: the context is unchanged, and the turn or the compaction ends with an error."""
    if failed.summary_id == session.summary_id:
        session.summary_id = None
        message = f"the context could not be compacted: {failed.message}"
        fail_turn(session, codes.COMPACTION_FAILED, message, failed.retryable)


def on_tool_done(session: Session, done: ToolDone) -> None:
    """A running call has its result: continue the turn if it was the last one."""
    if tool_calls.finish(session, done):
        go_on(session)


def on_tool_spent(session: Session, spent: ToolSpent) -> None:
    """Count a sub-agent's model call; if the user's budget is exhausted, the turn ends before its next one."""
    if not tool_calls.spend(session, spent):
        return
    refused = session.rules.refuse_work()
    if refused is not None and refused.code == codes.BUDGET_EXHAUSTED:
        fail_turn(session, refused.code, refused.message, True)


def _join_steering(session: Session) -> None:
    view = session.state.view
    for queued in [queued for queued in view.queued if queued.when == "steer"]:
        session.emit(ev.InputJoined, turn_id=view.turn_id, submission_id=queued.submission_id)
