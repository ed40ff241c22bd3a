"""Titles: the first line of the first input, then one of the model's after the first turn, unless the user chose one."""

from agent.session import compaction
from agent.session.messages import MakeTitle, TitleDone
from agent.session.session import Session
from agent.session.state import last_answer
from agent.util.text import cut_middle
from protocol import events as ev
from protocol.content import UserMessage

PROMPT = (
    "Give the conversation that follows a title of at most six words, in the user's language. "
    "Answer with the title alone: no quotes, no full stop."
)
SHOWN_CHARS = 2_000
LINE_CHARS = 4_096
"""Of a line, no more is looked at."""

TITLE_CHARS = 80

TITLE_MAX_TOKENS = 1_000
"""Tokens the model may use for a title: a few words, and room for a model that reasons first. If it uses more, the first
line of the first input stays the title."""

TITLE_TIMEOUT_S = 20.0
"""Seconds that the call for a title may take. No turn waits for it, so a slow model has time, within a limit."""


def begin(session: Session) -> None:
    """A turn is complete: after the first one, call the model for a title. It is called once, whatever the result."""
    state, rules = session.state, session.rules
    first_input = next((m.text for m in state.view.messages if isinstance(m, UserMessage)), "")
    if state.turns_done != 1 or state.title_chosen or not first_input or not rules.makes_titles(state.view.model):
        return
    if rules.refuse_work() is not None:
        return
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


def on_title_done(session: Session, done: TitleDone) -> None:
    """Set the title that the model wrote, if it wrote one and the user chose none meanwhile. Its usage is counted."""
    view = session.state.view
    if done.title_id != session.title_id or view.state == "closed":
        return
    session.title_id = None
    if done.usage is not None:
        session.emit_usage(done.usage, compaction.tokens(session), compaction.limit(session))
    title = first_line(done.text).strip("\"'`*#“”„«» ").rstrip(".")
    if title and title != view.title and not session.state.title_chosen:
        session.emit(ev.TitleChanged, title=title)


def first_line(text: str) -> str:
    """The first line that is not blank, cut to the length of a title."""
    begin = text.lstrip()[:LINE_CHARS]  # a million blank lines are not looked at one by one
    line = begin.splitlines()[0].strip() if begin else ""
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"
