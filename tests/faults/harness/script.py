"""Model answers of the fault tests: in step with a client, so that every piece becomes an event of its own."""

import random
from dataclasses import dataclass, field
from typing import Protocol

from protocol.view import View
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Reason,
    Request,
    Step,
    Text,
    Usage,
    stream,
    text,
)

SUMMARY = "They noted, held and changed things."
USED = Usage(120, 30)

Piece = Text | Reason


@dataclass
class _Pending:
    """A gate that opens once a client shows this much of the open message."""

    text: str
    reasoning: str
    gate: Gate = field(default_factory=Gate)


class Script(Protocol):
    """What the model answers, and what it learns of the talker's view."""

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""

    def follow(self, view: View) -> None:
        """The talker sees this now."""


class LockStep:
    """A script for `ScriptedModel`. It answers by the newest message; call `follow` with each new view."""

    def __init__(self) -> None:
        self.requests = 0
        self._pending: list[_Pending] = []

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        self.requests += 1
        if not request.tools:
            return text(SUMMARY, usage=USED)
        last = request.messages[-1]
        if last["role"] == "tool":
            if str(last["content"]).startswith("[The user edited"):
                return self._stream(Text("It is "), Text("changed."))
            return self._stream(Text("The tools "), Text("are done."))
        words = str(last["content"]).split()
        order = next((word for word in reversed(words) if word in ("begin", "steered", "queued")), "")
        number = self.requests
        if order == "begin":
            note = Call("note", {"key": f"note-{number}"}, f"note-{number}")
            hold = Call("hold", {"key": f"hold-{number}"}, f"hold-{number}")
            return self._stream(Reason("Let me "), Reason("see. "), Text("I look "), Text("and hold."), note, hold)
        if order == "steered":
            change = Call("change", {"key": f"change-{number}", "value": "what it thinks"}, f"change-{number}")
            return self._stream(Text("I ask "), Text("first."), change)
        if order == "queued":
            return self._stream(Reason("Now "), Text("this one "), Text("takes "), Text("its time "), Text("and ends."))
        return self._stream(Text("Well, "), Text("yes."))

    def follow(self, view: View) -> None:
        """Let the model go on where the view shows all it said."""
        shown = view.open_message
        if shown is None:
            return
        for pending in self._pending:
            if (shown.text, shown.reasoning) == (pending.text, pending.reasoning):
                pending.gate.open()

    def _stream(self, *pieces: Piece | Call) -> Answer:
        self._pending = []
        words, thought = "", ""
        steps: list[Step] = []
        for piece in pieces:
            steps.append(piece)
            if isinstance(piece, Call):
                continue
            if isinstance(piece, Text):
                words += piece.text
            else:
                thought += piece.text
            self._pending.append(_Pending(words, thought))
            steps.append(self._pending[-1].gate)
        called = any(isinstance(piece, Call) for piece in pieces)
        return stream(*steps, Finish("tool_calls" if called else "stop"), USED)


class Loose:
    """A model that says and calls what `rng` gives, in its own time."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._requests = 0

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        self._requests += 1
        rng = self._rng
        if not request.tools:
            return text(SUMMARY, usage=USED)
        steps: list[Step] = [
            rng.choice((Reason, Text, Text))(f"{word}-{self._requests} ", after=rng.choice((0.0, 0.0, 0.001, 0.003)))
            for word in range(rng.randrange(1, 12))
        ]
        called = rng.sample(("note", "hold", "change", "change"), rng.choice((0, 0, 1, 2, 3)))
        for number, tool in enumerate(called):
            key = f"{tool}-{self._requests}-{number}"
            steps.append(Call(tool, {"key": key, "value": "a"} if tool == "change" else {"key": key}, key))
        return stream(*steps, Text("end."), Finish("tool_calls" if called else "stop"), USED)

    def follow(self, view: View) -> None:
        """It waits for nobody."""
