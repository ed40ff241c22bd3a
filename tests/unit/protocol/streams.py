"""Random streams: events as a server could send them, for properties of the view and of merging."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from msgspec import UNSET

from protocol import events as ev
from protocol import submissions as sub
from protocol.content import ImageFile, PendingTool, PlanItem, Question, Step, ToolCall
from tests.faults.harness.lengths import length

AT = "2026-01-02T03:04:05.678Z"
TEXTS = st.text("abc é\n🦉\u0301\u200d", min_size=1, max_size=5)
FEWER_LIVES = settings(max_examples=length(12, 100))
"""A life is long, and costs more than other examples."""
ENDS = ("rejected", "abandoned", "cancelled", "outcome_unknown")


class Life:
    """Says one session's events; `draw` is hypothesis's."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.events: list[ev.Event] = []

    def emit(self, event: Any, /, **fields: Any) -> None:
        """The next event."""
        self.events.append(event(seq=len(self.events) + 1, at=AT, **fields))

    def maybe(self, chance: int = 3) -> bool:
        """True about once in `chance`."""
        return bool(self.draw(st.integers(1, chance)) == 1)

    def pick(self, options: Any) -> Any:
        """One of these."""
        return self.draw(st.sampled_from(options))

    def accept(self, submission: sub.Submission) -> str:
        """A submission is accepted; its id."""
        submission_id = f"id-{len(self.events)}"
        self.emit(ev.Accepted, submission_id=submission_id, submission=submission)
        return submission_id

    def aside(self) -> None:
        """What can happen at any time."""
        if self.maybe(6):
            images = self.pick([[], [ImageFile("owl.png")]])
            self.accept(sub.UserInput(text=self.draw(TEXTS), when=self.pick(["queue", "steer"]), images=images))
        if self.maybe(8):
            accepted = [event.submission_id for event in self.events if isinstance(event, ev.Accepted)]
            self.emit(ev.InputWithdrawn, submission_id=self.pick([*accepted[-2:], "unknown"]))
        if self.maybe(12):
            self.emit(ev.PlanUpdate, items=[PlanItem(self.draw(TEXTS), "pending")])
        if self.maybe(8):
            question = Question(self.pick(["q1", "q2"]), self.pick(["call-1", "call-2"]), "server", "form", "Which?")
            self.emit(ev.AskUser, question=question)
        if self.maybe(8):
            ended = {"tool_call_id": "call-1", "action": self.pick(["accept", "withdrawn"])}
            self.emit(ev.QuestionClosed, question_id=self.pick(["q1", "q2"]), **ended)
        if self.maybe(20):
            self.accept(sub.SetModel(model="other"))
            self.emit(ev.ModelChanged, model="other")

    def message(self, calls: list[ToolCall]) -> None:
        """A message: chunks of both kinds, some repeated from further back, and its end, perhaps sealed."""
        message_id = f"msg-{len(self.events)}"
        texts = {"text": "", "reasoning": ""}
        for _ in range(self.draw(st.integers(0, 6))):
            kind = self.pick(["text", "text", "reasoning"])
            offset = self.draw(st.integers(0, len(texts[kind]))) if self.maybe(8) else len(texts[kind])
            text = self.draw(TEXTS)
            texts[kind] = texts[kind][:offset] + text
            self.emit(ev.AssistantChunk, message_id=message_id, offset=offset, text=text, kind=kind)
            self.aside()
        self.emit(
            ev.AssistantMessageEvent,
            message_id=message_id,
            text=texts["text"],
            reasoning=texts["reasoning"],
            tool_calls=calls,
            finish_reason="tool_calls" if calls else "stop",
            sealed=not calls and self.maybe(4),
        )
        if self.maybe(2):
            cost = self.pick([0.25, None])
            counts = {
                "input_tokens": 9,
                "output_tokens": 2,
                "cached_tokens": 4,
                "context_tokens": 11,
                "context_limit": 100,
            }
            self.emit(ev.UsageEvent, cost_usd=cost, **counts)

    def delegate(self, call: ToolCall) -> None:
        """A sub-agent works inside of the call: a step begins or ends, or a model call of its own is paid."""
        step = Step(self.pick(["step-1", "step-2"]), "read", {"n": 1})
        if self.maybe(2):
            step = Step(step.step_id, step.tool, step.arguments, self.draw(TEXTS), self.maybe(2), 7)
        self.emit(ev.ToolStep, tool_call_id=call.tool_call_id, step=step)
        if self.maybe(2):
            counts = {"input_tokens": 3, "output_tokens": 1, "cached_tokens": 0, "cost_usd": 0.5}
            self.emit(ev.UsageEvent, tool_call_id=call.tool_call_id, context_tokens=5, context_limit=6, **counts)

    def calls(self) -> list[ToolCall]:
        """Some calls for a message."""
        count = self.draw(st.integers(0, 3))
        return [ToolCall(f"call-{len(self.events)}-{n}", "tool", {"n": n}) for n in range(count)]

    def run_calls(self, calls: list[ToolCall]) -> None:
        """The calls live at once: asked for or not, running, logging, ending in any order."""
        for call in calls:
            self.emit(ev.ToolCallEvent, tool_call_id=call.tool_call_id, tool=call.tool, arguments=call.arguments)
        waiting = [call for call in calls if self.maybe(2)]
        running = [call for call in calls if call not in waiting]
        for call in running:
            self.change(call, "running", "policy")
        if waiting:
            grants: dict[str, Any] = self.pick([{}, {"grant": "tool"}])
            pending = [PendingTool(c.tool_call_id, c.tool, c.arguments, "why", **grants) for c in waiting]
            self.emit(ev.ApprovalRequired, tools=pending, count=len(pending))
        approved: list[ToolCall] = []
        logged = {call.tool_call_id: 0 for call in calls}
        if self.maybe(2):
            self.save_workspace(self.pick(["turn-1", "turn-2", "turn-3"]))
        while waiting or approved or running:
            if approved and not waiting:
                running += [self.change(call, "running", "user") for call in approved]
                approved = []
            elif waiting and self.maybe(2):
                call = waiting.pop(self.draw(st.integers(0, len(waiting) - 1)))
                if self.maybe(3):
                    self.change(call, self.pick(ENDS), "user", feedback="why so")
                else:
                    more = self.pick([{}, {"arguments": {"n": 9}}, {"grant": self.pick(["tool", "other:run"])}])
                    more |= self.pick([{}, {"share_id": "a"}])
                    approved.append(self.change(call, "approved", "user", **more))
            elif running:
                call = self.pick(running)
                if self.maybe(4):
                    self.delegate(call)
                elif self.maybe(2):
                    text = self.draw(TEXTS)
                    self.emit(ev.ToolLog, tool_call_id=call.tool_call_id, offset=logged[call.tool_call_id], text=text)
                    logged[call.tool_call_id] += len(text)
                else:
                    running.remove(call)
                    self.end_call(call)
            self.aside()

    def save_workspace(self, snapshot_id: str) -> None:
        """A snapshot of the files is taken; older ones make room."""
        dropped = self.pick([[], ["turn-1"], ["turn-1", "gone"]])
        self.emit(ev.WorkspaceSaved, snapshot_id=snapshot_id, files=3, left_out=self.pick([0, 1]), dropped=dropped)

    def change(self, call: ToolCall, state: str, by: str, **more: Any) -> ToolCall:
        """A call moves on."""
        self.emit(ev.ToolStateChange, tool_call_id=call.tool_call_id, tool=call.tool, state=state, by=by, **more)
        return call

    def end_call(self, call: ToolCall) -> None:
        """A running call ends, well or not."""
        if self.maybe(4):
            more = self.pick([{}, {"estimated_usd": 0.5}])
            self.change(call, self.pick(["cancelled", "outcome_unknown"]), "restart", **more)
            return
        result = {"output": self.draw(TEXTS), "success": True, "truncated": False, "duration_ms": 5}
        result |= self.pick([{}, {"cost_usd": 0.125}])
        self.emit(ev.ToolOutput, tool_call_id=call.tool_call_id, tool=call.tool, **result)

    def turn(self) -> None:
        """One turn, from its input to its end."""
        images = self.pick([[], [ImageFile("owl.png"), ImageFile("owls/2.webp")]])
        submission_id = self.accept(sub.UserInput(text=self.draw(TEXTS), images=images))
        turn_id = f"turn-{len(self.events)}"
        self.emit(ev.Processing, turn_id=turn_id, submission_id=submission_id)
        for _ in range(self.draw(st.integers(1, 3))):
            calls = self.calls()
            self.message(calls)
            self.run_calls(calls)
        joined = [e for e in self.events if isinstance(e, ev.Accepted) and isinstance(e.submission, sub.UserInput)]
        if self.maybe(3):
            self.emit(ev.InputJoined, turn_id=turn_id, submission_id=joined[-1].submission_id)
        end = self.pick(["complete", "complete", "interrupted", "error"])
        if end == "complete":
            self.emit(ev.TurnComplete, turn_id=turn_id, history_size=1, final_response="")
        elif end == "interrupted":
            self.emit(ev.Interrupted, turn_id=turn_id, reason="user")
        else:
            self.emit(ev.ErrorEvent, code="internal", message="", retryable=True, turn_id=turn_id)

    def between(self) -> None:
        """What happens while nothing runs."""
        what = self.pick(
            [
                "",
                "",
                "undo",
                "compact",
                "compact_failed",
                "title",
                "error",
                "edit",
                "share",
                "unshare",
                "revoke",
                "notes",
                "restore",
                "restore_failed",
            ]
        )
        if what == "undo":
            self.accept(sub.Undo())
            self.emit(ev.UndoComplete, removed_messages=self.draw(st.integers(0, 3)), kept=["a file"])
        elif what == "compact":
            operation_id = self.accept(sub.Compact())
            counts = {"old_tokens": 90, "new_tokens": 9, "kept_from": 1}
            self.emit(ev.Compacted, summary="so far", operation_id=operation_id, **counts)
        elif what == "restore":
            self.save_workspace("restore-1")
            operation_id = self.accept(sub.Restore(snapshot_id="turn-1"))
            done: dict[str, Any] = {"restored": 2, "removed": 1, "left": ["a"], "left_count": 1}
            self.emit(ev.WorkspaceRestored, snapshot_id="turn-1", operation_id=operation_id, **done)
        elif what == "restore_failed":
            operation_id = self.accept(sub.Restore(snapshot_id="turn-1"))
            self.emit(ev.WorkspaceNotSaved, snapshot_id="restore-2", message="full")
            self.emit(ev.ErrorEvent, code="restore_failed", message="", retryable=True, turn_id=operation_id)
        elif what == "compact_failed":
            self.emit(ev.Interrupted, turn_id=self.accept(sub.Compact()), reason="user")
        elif what == "edit":
            self.accept(sub.Edit(turn_id="turn", text=self.draw(TEXTS) or "x"))
            self.emit(ev.UndoComplete, removed_messages=self.draw(st.integers(0, 3)), kept=[])
        elif what == "share":
            may = self.pick([UNSET, True])
            self.emit(ev.Shared, share_id=self.pick(["a", "b"]), access=self.pick(["read", "drive"]), may_set_model=may)
        elif what == "unshare":
            accepted = [event.submission_id for event in self.events if isinstance(event, ev.Accepted)]
            self.emit(ev.Unshared, share_id=self.pick(["a", "b"]), removed_inputs=self.pick([accepted[-1:], UNSET]))
        elif what == "revoke":
            reason = self.pick(["user", "unshared"])
            if self.maybe(2):
                self.emit(ev.GrantDenied, grant=self.pick(["tool", "other:run"]))
            self.emit(ev.ModeChanged, mode=self.pick(["ask", "default"]))
            self.emit(ev.GrantRevoked, grant=self.pick(["tool", "other:run"]), reason=reason)
        elif what == "notes":
            self.emit(ev.NotesUploaded, digest=self.pick(["d1", "d2"]))
            self.emit(ev.NotesChanged, tool_call_id="call", tool="bash", digest="d3", share_id=self.pick([UNSET, "a"]))
        elif what == "title":
            self.emit(ev.TitleChanged, title=self.draw(TEXTS))
        elif what == "error":
            self.emit(ev.ErrorEvent, code="internal", message="", retryable=True, turn_id=None)


@st.composite
def lives(draw: Any) -> list[ev.Event]:
    """The events of a session from its first on."""
    life = Life(draw)
    for _ in range(draw(st.integers(1, 3))):
        life.turn()
        life.between()
    if life.maybe(4):
        life.accept(sub.Shutdown())
        life.emit(ev.ShutdownEvent, reason="user")
    return life.events
