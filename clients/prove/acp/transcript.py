"""Transcript: makes the events that the checker sees of the updates of one ACP session. Pure.

White space at the ends of a message is left out: agents may trim what they keep.
"""

from collections.abc import Mapping
from typing import Any

from protocol import events as ev
from protocol.submissions import UserInput

AT = "1970-01-01T00:00:00Z"
"""Updates have no times."""


class Transcript:
    """One client's. `prompts`: the ids of all prompts by their text; `cut`: the ids of those whose turns a kill ended."""

    def __init__(self, prompts: Mapping[str, str], cut: "set[str]") -> None:
        self._prompts = prompts
        self._cut = cut
        self.seq = 0
        self._said: list[str] = []
        self._text: list[str] = []
        self._turn = ""
        self._calls: dict[str, str] = {}
        self._expected = ""

    def prompted(self, prompt: str) -> None:
        """This client sends a prompt; agents need not repeat it."""
        self._expected = prompt

    def update(self, update: Mapping[str, Any]) -> list[ev.Event]:
        """The events that are whole with this update."""
        kind, content = update.get("sessionUpdate"), update.get("content")
        text = content.get("text", "") if isinstance(content, dict) else ""
        if kind == "user_message_chunk":
            if self._expected or self._said or self._turn == "":
                self._said.append(text)
                return []
            return [*self.end(), *self.update(update)]
        if kind not in ("agent_message_chunk", "tool_call", "tool_call_update"):
            return []
        found = self._begin()
        if kind == "agent_message_chunk":
            self._text.append(text)
        elif kind == "tool_call":
            found += [*self._message(), *self._call(str(update.get("toolCallId")))]
        if update.get("status") in ("completed", "failed"):
            found += self._result(str(update.get("toolCallId")), success=update["status"] == "completed")
        return found

    def answered(self) -> list[ev.Event]:
        """The prompt has its answer."""
        return [*self._begin(), *self.end()]

    def end(self) -> list[ev.Event]:
        """The turn is over, if there is one: the next one begins, or there is no more to read."""
        found = self._begin() if self._said else []
        if not self._turn:
            return found
        found += self._message()
        for call, state in self._calls.items():
            if state == "open" and self._turn in self._cut:
                changed = {"tool_call_id": call, "tool": "call", "by": "restart"}
                found.append(self._next(ev.ToolStateChange, state="outcome_unknown", **changed))
        self._calls.clear()
        found.append(self._next(ev.TurnComplete, turn_id=self._turn, history_size=0))
        self._turn = ""
        return found

    def cut(self) -> list[ev.Event]:
        """The agent was killed: what was shown of a message that was not whole."""
        text = "".join(self._text).strip()
        return [self._next(ev.AssistantChunk, message_id=self._name(), offset=0, text=text)] if text else []

    def _begin(self) -> list[ev.Event]:
        if not (self._said or self._expected):
            return []
        said = "".join(self._said).strip() or self._expected
        self._said, self._expected = [], ""
        self._turn = self._prompts.get(said, f"unknown: {said[:40]}")[:64]
        submission = UserInput(id=self._turn, text=said)
        return [
            self._next(ev.Accepted, submission_id=self._turn, submission=submission),
            self._next(ev.Processing, turn_id=self._turn, submission_id=self._turn),
        ]

    def _message(self) -> list[ev.Event]:
        text = "".join(self._text).strip()
        self._text = []
        if not text:
            return []
        whole = {"text": text, "reasoning": "", "tool_calls": [], "finish_reason": "stop", "sealed": False}
        return [self._next(ev.AssistantMessageEvent, message_id=self._name(), **whole)]

    def _call(self, call: str) -> list[ev.Event]:
        if call in self._calls:
            return []
        self._calls[call] = "open"
        return [self._next(ev.ToolCallEvent, tool_call_id=call, tool="call", arguments={})]

    def _result(self, call: str, *, success: bool) -> list[ev.Event]:
        if self._calls.get(call) != "open":
            return []
        self._calls[call] = "ended"
        result = {"output": "", "success": success, "truncated": False, "duration_ms": 0}
        return [self._next(ev.ToolOutput, tool_call_id=call, tool="call", **result)]

    def _name(self) -> str:
        return f"message-{self.seq + 1}"

    def _next(self, kind: Any, **fields: Any) -> Any:
        self.seq += 1
        return kind(seq=self.seq, at=AT, **fields)
