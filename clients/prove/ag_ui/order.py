"""Order: says what is wrong with the events of one run of AG-UI. Pure."""

from typing import Any, Final

import msgspec

Event = dict[str, Any]

ENDS: Final = frozenset({"RUN_FINISHED", "RUN_ERROR"})
PARTS: Final = {
    "TEXT_MESSAGE_START": ("text", "start"),
    "TEXT_MESSAGE_CONTENT": ("text", "part"),
    "TEXT_MESSAGE_END": ("text", "end"),
    "REASONING_MESSAGE_START": ("reasoning", "start"),
    "REASONING_MESSAGE_CONTENT": ("reasoning", "part"),
    "REASONING_MESSAGE_END": ("reasoning", "end"),
    "TOOL_CALL_START": ("call", "start"),
    "TOOL_CALL_ARGS": ("call", "part"),
    "TOOL_CALL_END": ("call", "end"),
    "STEP_STARTED": ("step", "start"),
    "STEP_FINISHED": ("step", "end"),
}
NAMES: Final = {"call": "toolCallId", "step": "stepName"}


class Order:
    """The rules for one run. `last`: the event that ended it; None while it goes on."""

    def __init__(self, thread_id: str, run_id: str, calls: frozenset[str] = frozenset()) -> None:
        """`calls`: those that the client has from runs before."""
        self._run = {"threadId": thread_id, "runId": run_id}
        self._calls = set(calls)
        self._open: set[tuple[str, str]] = set()
        self._ended: set[tuple[str, str]] = set()
        self._started = False
        self.last: Event | None = None

    def take(self, event: Event) -> str:
        """What is wrong with this event after those before; empty if nothing is."""
        kind = event.get("type")
        if self.last is not None:
            return f"{kind} came after the end of the run"
        wrong = ""
        if kind == "RUN_STARTED":
            wrong = "the run started twice" if self._started else self._named(event)
            self._started = True
        elif not self._started and kind != "RUN_ERROR":
            wrong = f"{kind} came before RUN_STARTED"
        elif kind in PARTS:
            wrong = self._part(event, *PARTS[kind])
        elif kind == "TOOL_CALL_RESULT" and event.get("toolCallId") not in self._calls:
            wrong = "a result came for a call that has not ended"
        elif kind == "RUN_FINISHED":
            left = ", ".join(f"{what} {name}" for what, name in sorted(self._open))
            wrong = f"the run finished, and these have no end: {left}" if left else self._named(event)
        if kind in ENDS:
            self.last = event
        return f"{wrong}: {_short(event)}" if wrong else ""

    def _named(self, event: Event) -> str:
        differs = [name for name, value in self._run.items() if event.get(name) != value]
        return f"{' and '.join(differs)} are not those that were asked for" if differs else ""

    def _part(self, event: Event, what: str, place: str) -> str:
        own = (what, str(event.get(NAMES.get(what, "messageId"))))
        if place == "start":
            again = own in self._open or (own in self._ended and what != "step")
            self._open.add(own)
            return f"a {what} that was there already began again" if again else ""
        if own not in self._open:
            return f"a part of a {what} came that has not begun, or has ended"
        if place == "end":
            self._open.remove(own)
            self._ended.add(own)
            if what == "call":
                self._calls.add(own[1])
        elif not isinstance(event.get("delta"), str):
            return "a part has no text"
        return ""


def _short(event: Event) -> str:
    return msgspec.json.encode(event).decode()[:200]
