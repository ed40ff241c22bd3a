"""Titles: the first line of the first input, then one of the model's after the first turn, unless the user chose one."""

import re

import msgspec

from agent.session import compaction
from agent.session.messages import CancelTitle, MakeTitle, TitleDone
from agent.session.session import Session
from agent.session.state import last_answer
from agent.util.text import clean, cut_middle, without_thoughts
from protocol import events as ev
from protocol.content import UserMessage

PROMPT = (
    "Give the conversation that follows a title of at most six words, in the user's language. "
    "Answer with the title alone: no quotes, no full stop."
)
_QUOTES = "\"'`*#“”„«» "
_LEAD = re.compile(
    r"(?:(?:sure|okay|ok|certainly)\b[^:]{0,40}|(?:here|this) is [^:]{0,40}|(?:the |suggested )?title) ?:",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^```\w*\n|\n?```$")


class _Titled(msgspec.Struct):
    title: str


SHOWN_CHARS = 2_000
LINE_CHARS = 4_096
"""Of a line, no more is looked at."""

TITLE_CHARS = 80

TITLE_MAX_TOKENS = 300
"""Tokens the model may use for a title: a few words, and room for a model that reasons a little first. If it uses more, the
first line of the first input stays the title."""

TITLE_TURNS = 3
"""Turns after which a title may be made. Each turn that begins ends a call for one, for the sake of servers that answer one
call at a time; so a person who writes on at once gets the title after a later turn."""

TITLE_TIMEOUT_S = 20.0
"""Seconds that the call for a title may take. No turn waits for it, so a slow model has time, within a limit."""


def begin(session: Session) -> None:
    """A turn is complete: after the first one, and if nothing else is to be done, call the model for a title. It is called
    once, whatever the result."""
    state, rules = session.state, session.rules
    first_input = next((m.text for m in state.view.messages if isinstance(m, UserMessage)), "")
    if session.working or session.title_asked or not 1 <= state.turns_done <= TITLE_TURNS:
        return
    if state.title_chosen or not first_input or state.view.title != first_line(first_input):
        return
    if not rules.makes_titles(state.view.model) or rules.refuse_work() is not None:
        return
    session.title_asked = True
    parts = (cut_middle(text, SHOWN_CHARS) for text in (first_input, last_answer(state)))
    excerpt = "User: {}\n\nAssistant: {}".format(*parts)
    session.title_id = f"title-{state.view.seq}"
    session.add_effect(
        MakeTitle(
            title_id=session.title_id,
            model=state.view.model,
            messages=[{"role": "system", "content": PROMPT}, {"role": "user", "content": excerpt}],
            max_tokens=TITLE_MAX_TOKENS,
            timeout_s=TITLE_TIMEOUT_S,
        )
    )


def give_way(session: Session) -> None:
    """Work for the user begins: the call for a title ends, and is made again later."""
    if session.title_id is not None:
        session.title_id, session.title_asked = None, False
        session.add_effect(CancelTitle())


def on_title_done(session: Session, done: TitleDone) -> None:
    """Set the title that the model wrote, if it wrote one and the user chose none meanwhile. Its usage is counted.

    Of an answer that was cut short only whole lines count: half a title is worse than the first line of the input.
    """
    view = session.state.view
    if done.title_id != session.title_id or view.state == "closed":
        return
    session.title_id = None
    if done.usage is not None:
        session.emit_usage(done.usage, compaction.tokens(session), compaction.limit(session))
    title = title_in(done.text.rpartition("\n")[0] if done.cut_short else done.text)
    if title and title != view.title and not session.state.title_chosen:
        session.emit(ev.TitleChanged, title=title)


def title_in(text: str) -> str:
    """The title in a model's answer: without its thoughts, a lead before it, and quotes; empty if there is none."""
    text = clean(without_thoughts(text)).strip()
    text = _FENCE.sub("", text)
    if text.startswith("{"):
        try:
            text = msgspec.json.decode(text, type=_Titled).title
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return ""
    lines = [line.strip(_QUOTES) for line in text.splitlines()]
    lines = [line for line in (_LEAD.sub("", line, count=1).strip(_QUOTES) for line in lines) if line]
    return first_line(lines[0]).rstrip(".") if lines else ""


def first_line(text: str) -> str:
    """The first line that is not blank, cut to the length of a title."""
    begin = text.lstrip()[:LINE_CHARS]  # a million blank lines are not looked at one by one
    line = begin.splitlines()[0].strip() if begin else ""
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"
