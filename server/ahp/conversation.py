"""Conversation: one session between the two protocols: its events in, actions out. Pure.

The actions follow from the events alone, from the session's first on, so that two that read the same log give the same. An ended turn's
text is one event where it was many, and then one action.
"""

from collections.abc import Sequence
from datetime import datetime

from protocol import events as ev
from protocol.content import PendingTool
from protocol.submissions import Edit, UserInput
from server.ahp import calls, questions
from server.ahp.rpc import Message
from server.ahp.state import Action, ConversationState

PARTS = {"text": ("markdown", "chat/delta"), "reasoning": ("reasoning", "chat/reasoning")}


class Conversation:
    """One session. `state`: what a client has that got all actions. `chat`: the URI of the session's chat."""

    def __init__(self, chat: str) -> None:
        self.state = ConversationState()
        self.model = ""
        self._chat = chat
        self._inputs: dict[str, str] = {}
        """Texts of the inputs that got no turn yet, by their ids."""
        self._steers: set[str] = set()
        self._arguments: dict[str, Message] = {}
        self._logs: dict[str, str] = {}
        self._pending: dict[str, PendingTool] = {}
        self._messages = 0
        self._starts: list[tuple[str, int, str]] = []
        """The turns, how many messages the session had before each, and in which of the session's own turns it is."""
        self._turn = ""
        """The session's own id of the turn that runs."""

    def take(self, event: ev.Event) -> Sequence[Action]:
        """The actions that this event is; the state has them already."""
        if isinstance(event, ev.AssistantChunk):  # nearly always
            bodies: list[Message] = self._text(event.message_id, event.kind, event.offset, event.text)
        else:
            bodies = self._bodies(event)
        return [Action(body, not body["type"].startswith("session/")) for body in bodies]

    def needs_approval(self, call_id: str) -> PendingTool | None:
        """The call that waits for approval under this id."""
        return self._pending.get(call_id)

    def turns_after(self, turn_id: str | None) -> list[str] | None:
        """The turns that begin after this one, the whole conversation for None; None: there is no such turn."""
        ids = [one for one, *_ in self._starts]
        if turn_id is None:
            return ids
        return ids[ids.index(turn_id) + 1 :] if turn_id in ids else None

    def undos(self, removed: Sequence[str]) -> int | None:
        """How many times `undo` removes just these newest turns; None: a turn of the session has one of them, and one that stays."""
        own = [turn for _, _, turn in self._starts]
        cut = len(own) - len(removed)
        if 0 < cut < len(own) and own[cut - 1] == own[cut]:
            return None
        return len(dict.fromkeys(own[cut:]))

    def _bodies(self, event: ev.Event) -> list[Message]:
        match event:
            case ev.Accepted(submission=UserInput() | Edit()):
                return self._accepted(event)
            case ev.Processing() | ev.InputJoined():
                return self._begun(event)
            case ev.AssistantMessageEvent():
                return self._message(event)
            case ev.TurnComplete() | ev.Interrupted() | ev.ErrorEvent():
                return self._ended(event)
            case ev.InputWithdrawn():
                return self._withdrawn([event.submission_id])
            case ev.Unshared(removed_inputs=list(removed)):
                return self._withdrawn(removed)
            case ev.UndoComplete():
                return self._undone(event)
            case ev.UsageEvent(tool_call_id=str()):
                return []
            case ev.UsageEvent() if self.state.active:
                usage = {"inputTokens": event.input_tokens, "outputTokens": event.output_tokens}
                return self._do({"type": "chat/usage", "turnId": self.state.turn_id, "usage": usage})
            case ev.TitleChanged():
                return self._do({"type": "session/titleChanged", "title": event.title})
            case ev.ModeChanged():
                return self._do({"type": "session/configChanged", "config": {"approvals": event.mode}})
            case ev.ModelChanged():
                self.model = event.model
                return []
        return self._call(event) if self.state.active else []

    def _call(self, event: ev.Event) -> list[Message]:
        turn_id = self.state.turn_id
        match event:
            case ev.ToolCallEvent():
                self._arguments[event.tool_call_id] = event.arguments
                return self._do(calls.started(turn_id, event))
            case ev.ApprovalRequired():
                self._pending = {one.tool_call_id: one for one in event.tools}
                return [body for one in event.tools for body in self._asked(turn_id, one)]
            case ev.ToolStateChange():
                return self._state_changed(turn_id, event)
            case ev.ToolLog():
                log = calls.newest(self._logs.get(event.tool_call_id, "")[: event.offset] + event.text)
                self._logs[event.tool_call_id] = log
                return self._do(calls.logged(turn_id, event.tool_call_id, log))
            case ev.ToolOutput():
                self._messages += 1
                call = self.state.calls.get(event.tool_call_id)
                ready = self._ready(turn_id, event.tool_call_id) if call and call["status"] == "streaming" else []
                return [*ready, *self._do(calls.completed(turn_id, event))]
            case ev.AskUser(question=question):
                request = questions.request_of(question)
                bodies = self._do({"type": "chat/inputRequested", "request": request})
                needed = {"id": question.question_id, "kind": "chatInput", "chat": self._chat, "request": request}
                return [*bodies, *self._do({"type": "session/inputNeededSet", "request": needed})]
            case ev.QuestionClosed():
                response = "cancel" if event.action == "withdrawn" else event.action
                closed = {"type": "chat/inputCompleted", "requestId": event.question_id, "response": response}
                return [*self._do(closed), *self._not_needed(event.question_id)]
        return []

    def _do(self, body: Message) -> list[Message]:
        self.state.apply(body)
        return [body]

    def _accepted(self, event: ev.Accepted) -> list[Message]:
        submission, pending_id = event.submission, event.submission_id
        assert isinstance(submission, UserInput | Edit)
        self._inputs[pending_id] = submission.text
        if not self.state.active or isinstance(submission, Edit):
            return []
        steers = submission.when == "steer" or bool(self._pending)
        if steers:
            self._steers.add(pending_id)
        kind = "steering" if steers else "queued"
        message = _message_of(submission.text)
        return self._do({"type": "chat/pendingMessageSet", "kind": kind, "id": pending_id, "message": message})

    def _begun(self, event: ev.Processing | ev.InputJoined) -> list[Message]:
        """A turn begins. What joined a turn ends it here, so that the client keeps what was said."""
        turn_id = event.submission_id
        ended = []
        if self.state.active:
            ended = self._do(
                {"type": "chat/turnComplete", "turnId": self.state.turn_id, "duration": self._duration(event.at)}
            )
        self._turn = event.turn_id
        self._starts.append((turn_id, self._messages, self._turn))
        self._messages += 1
        text = self._inputs.pop(turn_id, "")
        body = {"type": "chat/turnStarted", "turnId": turn_id, "startedAt": event.at, "message": _message_of(text)}
        if turn_id in self.state.queued or turn_id in self._steers:
            body["queuedMessageId"] = turn_id
        self._steers.discard(turn_id)
        return [*ended, *self._do(body)]

    def _text(self, message_id: str, kind: str, offset: int, text: str) -> list[Message]:
        """Text of the model, of which the client may have a part already: one action at most."""
        turn_id, (part_kind, action) = self.state.turn_id, PARTS[kind]
        if not turn_id:
            return []
        part_id = f"{message_id}.{kind}"
        had = self.state.length(part_id)
        if had is None:
            part = {"kind": part_kind, "id": part_id, "content": text}
            return self._do({"type": "chat/responsePart", "turnId": turn_id, "part": part}) if text else []
        text = text[had - offset :] if had > offset else text
        return self._do({"type": action, "turnId": turn_id, "partId": part_id, "content": text}) if text else []

    def _message(self, event: ev.AssistantMessageEvent) -> list[Message]:
        self._messages += 1
        bodies = []
        for kind, whole in (("reasoning", event.reasoning), ("text", event.text)):
            had = self.state.text(f"{event.message_id}.{kind}")
            if had is None or whole.startswith(had):
                bodies += self._text(event.message_id, kind, 0, whole)
            else:  # not what its pieces were: it is shown again, for a part that was sent cannot be changed
                bodies += self._text(f"{event.message_id}.whole", kind, 0, whole)
        return bodies

    def _ended(self, event: ev.TurnComplete | ev.Interrupted | ev.ErrorEvent) -> list[Message]:
        if not self.state.active or event.turn_id != self._turn:
            return []
        body: Message = {"turnId": self.state.turn_id, "duration": self._duration(event.at)}
        if isinstance(event, ev.TurnComplete):
            body["type"] = "chat/turnComplete"
        elif isinstance(event, ev.Interrupted):
            body["type"] = "chat/turnCancelled"
        else:
            error = {"errorType": event.code, "message": event.message}
            body |= {"type": "chat/error", "part": {"kind": "error", "error": error}}
        needed = [*self.state.needed]
        self._pending, self._arguments, self._logs = {}, {}, {}
        return [*self._do(body), *(one for key in needed for one in self._not_needed(key))]

    def _withdrawn(self, submission_ids: Sequence[str]) -> list[Message]:
        bodies = []
        for pending_id in submission_ids:
            self._inputs.pop(pending_id, None)
            kind = "steering" if pending_id in self._steers else "queued"
            self._steers.discard(pending_id)
            if pending_id in self.state.queued or kind == "steering":
                bodies += self._do({"type": "chat/pendingMessageRemoved", "kind": kind, "id": pending_id})
        return bodies

    def _undone(self, event: ev.UndoComplete) -> list[Message]:
        if not event.removed_messages:
            return []
        self._messages -= event.removed_messages
        self._starts = [start for start in self._starts if start[1] < self._messages]
        body: Message = {"type": "chat/truncated"}
        if self._starts:
            body["turnId"] = self._starts[-1][0]
        return self._do(body)

    def _asked(self, turn_id: str, pending: PendingTool) -> list[Message]:
        bodies = self._do(calls.asked(turn_id, pending))
        call = self.state.calls.get(pending.tool_call_id)
        if call is None:
            return bodies
        needed: Message = {"id": pending.tool_call_id, "kind": "toolConfirmation", "chat": self._chat}
        needed |= {"turnId": turn_id, "toolCall": call | {}}
        return [*bodies, *self._do({"type": "session/inputNeededSet", "request": needed})]

    def _ready(self, turn_id: str, call_id: str, confirmed: str = "not-needed") -> list[Message]:
        call = self.state.calls[call_id]
        arguments = self._arguments.get(call_id, {})
        return self._do(calls.ready(turn_id, call_id, call["toolName"], arguments) | {"confirmed": confirmed})

    def _state_changed(self, turn_id: str, event: ev.ToolStateChange) -> list[Message]:
        asked = self._pending.pop(event.tool_call_id, None)
        if event.state not in ("approved", "running"):
            self._messages += 1
        bodies = self._moved(turn_id, event) if event.tool_call_id in self.state.calls else []
        return [*bodies, *(self._not_needed(event.tool_call_id) if asked else [])]

    def _moved(self, turn_id: str, event: ev.ToolStateChange) -> list[Message]:
        call_id = event.tool_call_id
        status = self.state.calls[call_id]["status"]
        if event.state == "approved":
            if isinstance(event.arguments, dict):
                self._arguments[call_id] = event.arguments
            if status != "pending-confirmation":
                return []
            said = self._do(calls.approved(turn_id, event))
            return [*said, *self._ready(turn_id, call_id, calls.confirmation_of(event))]  # no longer as a question
        if event.state == "running":
            return self._ready(turn_id, call_id) if status == "streaming" else []
        if status == "running":
            return self._do(calls.cut_off(turn_id, event))
        ready = []
        if status == "streaming":  # only what waits can be refused
            ready = self._do(calls.ready(turn_id, call_id, event.tool, self._arguments.get(call_id, {})))
        return [*ready, *self._do(calls.refused(turn_id, event))]

    def _not_needed(self, needed_id: str) -> list[Message]:
        if needed_id not in self.state.needed:
            return []
        return self._do({"type": "session/inputNeededRemoved", "id": needed_id})

    def _duration(self, at: str) -> int:
        """Milliseconds since the active turn began."""
        began = self.state.active["startedAt"] if self.state.active else at
        return max(0, int((datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds() * 1000))


def _message_of(text: str) -> Message:
    return {"text": text, "origin": {"kind": "user"}}
