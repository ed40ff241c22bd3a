"""Rendering: events in, text for the terminal out. Remembers how much of each message was shown. Pure."""

import re
from typing import Literal

import msgspec

from clients.session.outcomes import (
    CaughtUp,
    Connected,
    Ended,
    Fault,
    FeedItem,
    Postponed,
    Reconnecting,
    Rejected,
    Skipped,
    ViewReset,
)
from protocol import events as ev
from protocol.content import AssistantMessage, ChunkKind, Message, PendingTool, Question, Step, ToolMessage, UserMessage
from protocol.submissions import UserInput
from protocol.view import View
from protocol.visible import exact, exact_line

Style = Literal["plain", "dim", "bold", "good", "bad", "ask"]

_SGR: dict[Style, str] = {"dim": "2", "bold": "1", "good": "32", "bad": "31", "ask": "33"}

# What a model or a tool says must not move the cursor, set titles or write the clipboard: all of C0 but tab and newline,
# DEL, C1, and the bidirectional controls, which would show another text than the one that is approved.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without what would steer the terminal."""
    return _CONTROL.sub("", text)


def one_line(text: str, width: int) -> str:
    """The text on one line of at most `width` characters; what is cut, and what cannot be seen, is marked."""
    line = exact(" ⏎ ".join(text.strip().split("\n")))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def compact_json(value: object) -> str:
    """The value as JSON, on one line."""
    return msgspec.json.encode(value).decode()


class Painter:
    """Styles text where the terminal has colours."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, text: str, style: Style = "plain") -> str:
        """The text in this style."""
        code = _SGR.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text and self._colours else text


HISTORY_SHOWN = 20
"""Messages of a snapshot that are printed."""

_RESULT: dict[bool, tuple[str, Style]] = {True: ("✓", "good"), False: ("✗", "bad")}
_ENDINGS = {
    "length": "[cut off: the model has used all the tokens that it may write]",
    "content_filter": "[ended by the model's refusal, or its provider's content filter]",
    "pause_turn": '[paused by the model\'s provider; say "go on"]',
}
"""By a message's reason to finish: what is printed behind an answer that is not whole."""
_PLAN_MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}


class Renderer:
    """Turns feed items into text. `own` holds the ids of what was typed here, which the terminal shows already."""

    def __init__(self, painter: Painter, width: int) -> None:
        self.own: set[str] = set()
        self._paint = painter
        self.width = max(40, width)
        self._at_line_start = True
        self._prompted = ""
        self._message_id = ""
        self._shown: dict[ChunkKind, int] = {}
        self._again = self._recovered = False

    def line(self, text: str, style: Style = "plain") -> str:
        """The text on a line of its own."""
        return f"{self.break_line()}{self._paint(text, style)}\n"

    def prompt(self, text: str) -> str:
        """Text after which a line is typed."""
        if self._prompted == text:
            return ""
        begin = self.break_line()
        self._at_line_start, self._prompted = False, text
        return begin + self._paint(text, "ask")

    def entered(self) -> None:
        """Somebody pressed enter."""
        self._at_line_start, self._prompted = True, ""

    def break_line(self) -> str:
        """What is needed for the next text to begin on a new line."""
        begin = "" if self._at_line_start else "\n"
        self._at_line_start, self._prompted = True, ""
        return begin

    def render(self, item: FeedItem) -> str:
        """The text to print for an item of the feed."""
        match item:
            case Connected():
                self._again, self._recovered = item.again, item.recovered
                return self.line("[connected again]", "dim") if item.again else ""
            case ViewReset():
                return self._reset(item.view, item.omitted_messages)
            case CaughtUp():
                return self._caught_up(item)
            case Reconnecting():
                return self.line(f"connection lost ({clean(item.why)}); trying again in {item.delay_s:.1f} s", "dim")
            case Rejected():
                return self.line(f"not done: {item.code}: {clean(item.message)}", "bad")
            case Postponed():
                return self.line(f"not yet: {clean(item.message)}; sent again in {item.delay_s:.1f} s", "dim")
            case Fault():
                return self.line(f"the server broke the protocol: {clean(item.message)}", "bad")
            case Ended():
                return self.line(f"the session's connection ended: {clean(item.why)}", "dim")
            case Skipped():
                return ""
            case _:
                return self._event(item)

    def question(self, pending: PendingTool, number: int, count: int) -> str:
        """The call that waits for an answer, with all its arguments: what is shown is what will run."""
        which = f" ({number} of {count})" if count > 1 else ""
        lines = [
            self.line(f"? {exact_line(pending.tool)}{which}: {exact(pending.reason)}", "ask"),
            *(self.line(f"    {exact_line(name)}: {_argument(value)}") for name, value in pending.arguments.items()),
        ]
        if isinstance(pending.grant, str):
            lines.append(self.line(f"    for this session: {exact_line(pending.grant)}", "dim"))
        return "".join(lines)

    def asked(self, question: Question) -> str:
        """What a running call asks, with its fields."""
        ask = {
            "form": "asks you",
            "link": "asks you to open a page",
            "model": "asks to have this answered by the model",
        }
        lines = [self.line(f"? {exact_line(question.asker)} {ask[question.kind]}: {exact(question.message)}", "ask")]
        if isinstance(question.url, str):
            lines.append(self.line(f"    {exact_line(question.url)}"))
        for field in question.fields:
            values = ", ".join(exact_line(option.value) for option in field.options) or field.kind
            need = "" if field.required else ", may be left out"
            lines.append(
                self.line(f"    {exact_line(field.name)} ({values}{need}): {exact(field.label or field.help)}")
            )
        return "".join(lines)

    def _event(self, event: ev.Event) -> str:
        match event:
            case ev.AssistantChunk():
                return self._stream(event.message_id, event.kind, event.offset, event.text)
            case ev.AssistantMessageEvent():
                return self._message(event)
            case ev.Accepted():
                return self._accepted(event)
            case ev.ToolCallEvent() | ev.ToolStateChange() | ev.ToolOutput() | ev.ToolLog() | ev.ToolStep():
                return self._tool(event)
            case ev.PlanUpdate():
                items = "".join(self.line(f"  {_PLAN_MARKS[item.status]} {clean(item.text)}") for item in event.items)
                return self.line("plan", "bold") + items
            case ev.ErrorEvent():
                again = " (trying again may help)" if event.retryable else ""
                return self.line(f"error {event.code}: {clean(event.message)}{again}", "bad")
            case ev.Interrupted():
                return self.line(f"[interrupted by {event.reason}]", "dim")
            case _:
                return self._operation(event)

    def _operation(self, event: ev.Event) -> str:
        match event:
            case ev.UndoComplete():
                kept = "".join(self.line(f"  not undone: {clean(what)}", "dim") for what in event.kept)
                again = (
                    f"  /restore {clean(event.restore)} makes the files as they were before" if event.restore else ""
                )
                offer = self.line(again, "dim") if again else ""
                return self.line(f"[the last {event.removed_messages} messages were taken back]", "dim") + kept + offer
            case ev.WorkspaceNotSaved():
                why = f"[the files could not be saved: {clean(event.message)}; what this turn does to them stays]"
                return self.line(why, "bad")
            case ev.WorkspaceRestored():
                return self._restored(event)
            case ev.NotesChanged():
                return self.line(f"[a call of {exact_line(event.tool)} changed AGENTS.md]", "dim")
            case ev.Compacted():
                return self.line(f"[context compacted: {event.old_tokens} to {event.new_tokens} tokens]", "dim")
            case ev.ModelChanged():
                return self.line(f"[{clean(event.model)} answers from now on]", "dim")
            case ev.GrantRevoked():
                why = "" if event.reason == "user" else ": the link of the guest who allowed it was revoked"
                return self.line(f"[{exact_line(event.grant)} asks again{why}]", "dim")
            case ev.GrantDenied():
                return self.line(f"[{exact_line(event.grant)} is refused in this session]", "dim")
            case ev.InputWithdrawn():
                return self.line("[a waiting input was taken back]", "dim")
            case ev.ModeChanged():
                return self.line(f"[mode: {clean(event.mode)}]", "dim")
            case ev.QuestionClosed(action=action):
                return self.line(f"[the question has its answer: {action}]", "dim")
            case ev.AskUser():
                return ""
            case ev.ShutdownEvent():
                return self.line(f"[the session was shut down: {clean(event.reason)}]", "dim")
            case ev.InputJoined():
                return self.line("[your word joined the running turn]", "dim")
            case ev.TurnComplete():
                return self.break_line()
        return ""

    def _restored(self, event: ev.WorkspaceRestored) -> str:
        counts = f"{event.restored} restored, {event.removed} removed"
        left = "".join(self.line(f"  not as it was: {exact_line(path)}", "dim") for path in event.left)
        if more := event.left_count - len(event.left):
            left += self.line(f"  and {more} more", "dim")
        return self.line(f"[the files are as they were: {counts}]", "dim") + left

    def _accepted(self, event: ev.Accepted) -> str:
        if event.submission_id in self.own:
            self.own.discard(event.submission_id)
            return ""
        if isinstance(event.submission, UserInput):
            return self.line(f"> {clean(event.submission.text)}", "bold")
        return ""

    def _tool(self, event: ev.ToolCallEvent | ev.ToolStateChange | ev.ToolOutput | ev.ToolLog | ev.ToolStep) -> str:
        match event:
            case ev.ToolCallEvent():
                return self._tool_line("→", event.tool, compact_json(event.arguments), "dim")
            case ev.ToolOutput():
                mark, style = _RESULT[event.success]
                cut = " [truncated]" if event.truncated else ""
                return self._tool_line(mark, event.tool, f"{event.duration_ms} ms{cut}  {_output(event.output)}", style)
            case ev.ToolLog():
                return self.line(one_line(_output(event.text), self.width - 4), "dim")
            case ev.ToolStep(step=step):
                return self._step(step)
            case ev.ToolStateChange(state="running"):
                return ""
        more = f"  {event.feedback}" if isinstance(event.feedback, str) else ""
        more += f"  {_output(event.detail)}" if isinstance(event.detail, str) else ""
        if isinstance(event.grant, str):
            more += f"  for this session: {event.grant}"
        return self._tool_line("·", event.tool, f"{event.state.replace('_', ' ')} by {event.by}{more}", "dim")

    def _step(self, step: Step) -> str:
        if not isinstance(step.output, str):
            return self._tool_line("    →", step.tool, compact_json(step.arguments), "dim")
        mark, style = _RESULT[step.success is True]
        return self._tool_line(f"    {mark}", step.tool, _output(step.output), style)

    def _tool_line(self, mark: str, tool: str, rest: str, style: Style) -> str:
        return self.line(one_line(f"{mark} {tool} {rest}", self.width), style)

    def _stream(self, message_id: str, kind: ChunkKind, offset: int, text: str) -> str:
        """The part of the text that was not shown yet; where the kind changes, on a new line."""
        begin = ""
        if message_id != self._message_id:
            begin = self.break_line()
            self._message_id, self._shown = message_id, {}
        shown = self._shown.get(kind, 0)
        fresh = text[max(0, shown - offset) :]
        if not fresh:
            return begin
        if kind not in self._shown:
            begin += self.break_line()
        self._shown[kind] = max(shown, offset + len(text))
        fresh = clean(fresh)
        self._at_line_start = fresh.endswith("\n") if fresh else self._at_line_start
        return begin + self._paint(fresh, "dim" if kind == "reasoning" else "plain")

    def _message(self, message: ev.AssistantMessageEvent | AssistantMessage) -> str:
        shown = self._stream(message.message_id, "reasoning", 0, message.reasoning)
        shown += self._stream(message.message_id, "text", 0, message.text)
        shown += self.break_line()
        ending = "[cut short]" if message.sealed else _ENDINGS.get(message.finish_reason, "")
        return shown + (self.line(ending, "dim") if ending else "")

    def _caught_up(self, caught: CaughtUp) -> str:
        if caught.replayed:
            return self.line(f"[{caught.replayed} missed events were replayed]", "dim")
        return self.line("[nothing was missed]", "dim") if self._again and self._recovered else ""

    def _reset(self, view: View, omitted: int) -> str:
        """The newest messages of the view, as they would have been printed."""
        out = ""
        if self._again:
            out = self.line("[the server cannot prove what was missed: this is the session as it stands]", "bad")
        left_out = max(0, len(view.messages) - HISTORY_SHOWN)
        if left_out or omitted:
            out += self.line(f"[{left_out + omitted} earlier messages are not shown]", "dim")
        if view.grants:
            grants = ", ".join(exact_line(grant) for grant in view.grants)
            out += self.line(f"[runs without asking: {grants}; /revoke takes one back]", "dim")
        out += "".join(self._past(message) for message in view.messages[left_out:])
        if view.open_message is not None:
            opened = view.open_message
            out += self._stream(opened.message_id, "reasoning", 0, opened.reasoning)
            out += self._stream(opened.message_id, "text", 0, opened.text)
        return out

    def _past(self, message: Message) -> str:
        match message:
            case UserMessage():
                return self.line(f"> {clean(message.text)}", "bold")
            case AssistantMessage():
                text = self._message(message)
                calls = (self._tool_line("→", c.tool, compact_json(c.arguments), "dim") for c in message.tool_calls)
                return text + "".join(calls)
            case ToolMessage():
                mark, style = _RESULT[message.success]
                return self._tool_line(mark, message.tool, _output(message.output), style)


def _output(text: str) -> str:
    """What a program wrote: the ends of its lines are no more than that."""
    return clean(text.replace("\r\n", "\n"))


def _argument(value: object) -> str:
    text = exact(value if isinstance(value, str) else compact_json(value))
    return text if "\n" not in text else "\n" + "\n".join(f"        {line}" for line in text.split("\n"))
