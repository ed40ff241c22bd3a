"""Compaction: decides when the context is too full, what to summarise, and puts the summary in its place. Pure."""

from agent.session import context
from agent.session.messages import Summarize, SummaryDone
from agent.session.session import Session
from agent.session.state import context_tokens
from agent.util.text import BYTES_A_TOKEN, cut_to_tokens, estimate, estimate_text, without_thoughts
from protocol import events as ev
from protocol.content import ToolMessage

KEEP_FRACTION = 0.3
"""The newest messages that a summary leaves as they are, as a fraction of the model's limit: the last turns, and room for as much again."""
REGROWTH = 1.2
SUMMARY_RESERVE_TOKENS = 4_000
SUMMARY_FRACTION = 0.125
"""The part of the model's limit that a summary may take; a longer one is cut in its middle."""
SUMMARY_PROMPT = (
    "You summarise a conversation between a user and an assistant that uses tools, so that the assistant can go on from "
    "your summary alone. Keep: what the user wants, what was decided, facts and file names that matter, what was done "
    "with which result, what is still open. Write plain text, no preamble."
)


def tokens(session: Session) -> int:
    """About how many tokens the next model call sends."""
    return context_tokens(session.state, session.rules.overhead_tokens)


def limit(session: Session) -> int:
    """How many tokens the session's model takes."""
    return session.rules.context_limit(session.state.view.model)


def is_due(session: Session) -> bool:
    """Whether to compact before the next model call: the context is too full, and with a summary it would fit.

    After a compaction the context must first have grown by a fifth, or past the limit: what remains may itself be more
    than `compact_at`, and would be compacted again and again. A context that a summary cannot make fit costs no call.
    """
    used, most = tokens(session), limit(session)
    if used <= session.rules.turn.compact_at * most:
        return False
    if used <= most and used <= session.state.compacted_tokens * REGROWTH:
        return False
    kept_from = first_kept(session)
    if kept_from is None:
        return False
    tail = sum(map(estimate, session.state.view.messages[kept_from:]))
    return session.rules.overhead_tokens + summary_room(session) + tail <= most


def summary_room(session: Session) -> int:
    """How many tokens a summary may take."""
    return int(SUMMARY_FRACTION * limit(session))


def first_kept(session: Session) -> int | None:
    """The first message to keep, or None if there is nothing before it to summarise.

    The tail that stays takes at most `KEEP_FRACTION` of the limit and half of `compact_at`, and at least the last group: a message with the
    results of its calls stays whole.
    """
    messages = session.state.view.messages
    budget = min(KEEP_FRACTION, session.rules.turn.compact_at / 2) * limit(session)
    kept_from, tail = len(messages), 0
    for place in range(len(messages) - 1, session.state.context_from - 1, -1):
        tail += estimate(messages[place])
        if isinstance(messages[place], ToolMessage):
            continue
        if tail > budget and kept_from < len(messages):
            break
        kept_from = place
    return kept_from if session.state.context_from < kept_from < len(messages) else None


def begin(session: Session) -> None:
    """Call the model for a summary of the messages that will be cut."""
    state = session.state
    kept_from = first_kept(session)
    assert kept_from is not None, "callers check that there is something to cut"
    messages = state.view.messages[state.context_from : kept_from]
    room = max(250, (limit(session) - SUMMARY_RESERVE_TOKENS) // 2)
    text = context.transcript(messages, room * BYTES_A_TOKEN)
    if (estimated := estimate_text(text)) > room:
        text = context.transcript(messages, len(text) * room // estimated)
    if state.summary:
        text = f"Earlier summary: {state.summary}\n\n{text}"
    session.summary_id = f"summary-{state.view.seq}"
    session.kept_from = kept_from
    session.add_effect(
        Summarize(
            summary_id=session.summary_id,
            model=state.view.model,
            messages=[{"role": "system", "content": SUMMARY_PROMPT}, {"role": "user", "content": text}],
        )
    )


def finish(session: Session, done: SummaryDone, operation_id: str | None) -> None:
    """Replace the older messages in the context by the summary."""
    state = session.state
    kept_from = session.kept_from
    old = tokens(session)
    summary = cut_to_tokens(without_thoughts(done.text), summary_room(session))
    new = session.rules.overhead_tokens + estimate_text(summary) + sum(map(estimate, state.view.messages[kept_from:]))
    if done.reply.usage is not None:
        session.emit_usage(done.reply.usage, old, limit(session))
    session.emit(
        ev.Compacted, old_tokens=old, new_tokens=new, summary=summary, kept_from=kept_from, operation_id=operation_id
    )
