"""AG-UI events: a run's events in the words of AG-UI 1.0. Pure.

A client that sends along what it has of the run gets the rest of each message, so that nothing is shown twice.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from protocol import events as ev
from protocol.content import PendingTool, Question, ToolCall
from protocol.view import ENDED_WITHOUT_OUTPUT, View
from server.http.compatible.ag_ui_interrupts import interrupt
from server.http.compatible.ag_ui_request import Message

PROTOCOL_VERSION: Final = "1.0"
Out = dict[str, Any]
USAGE_NAMES: Final = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cached_tokens": "cachedInputTokens",
}


class Held:
    """What the client has: code points of each text by the message's id, and of each call's arguments; results by call."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.texts = {one.id: len(one.content) for one in messages if isinstance(one.content, str)}
        self.arguments = {
            call.id: len(call.function.arguments) for one in messages for call in one.tool_calls or () if call.id
        }
        self.results = {one.tool_call_id for one in messages if one.role == "tool"}


class AgUiMapping:
    """The events of one run for one client. `waits`: what the turn waits for; a run ends when nothing else comes."""

    def __init__(self, thread_id: str, run_id: str, session_id: str, model: str, held: Held) -> None:
        """`model`: that answers, as far as is known."""
        self._thread = {"threadId": thread_id, "runId": run_id}
        self._session_id = session_id
        self._held = held
        self._open: dict[str, str] = {}  # messages under way: their kind, by id
        self._usage: dict[str, dict[str, int]] = {}
        self._model = model
        self._turn_message = ""
        self.waits: dict[str, PendingTool | Question] = {}

    def started(self) -> list[Out]:
        """The first event."""
        metadata = {"holdfast": {"sessionId": self._session_id}}
        return [{"type": "RUN_STARTED", **self._thread, "protocolVersion": PROTOCOL_VERSION, "metadata": metadata}]

    def joined(self, view: View, messages: list[Out]) -> list[Out]:
        """The client comes without a history: it gets these messages, and from here on what is new after the view."""
        for one in messages:
            if one["role"] in ("assistant", "reasoning"):
                self._held.texts[one["id"]] = len(one["content"])
        if messages and messages[-1]["role"] == "assistant":
            self._turn_message = messages[-1]["id"]
        self.waits |= {call.tool_call_id: call for call in view.pending_approval}
        self.waits |= {question.question_id: question for question in view.questions}
        return [{"type": "MESSAGES_SNAPSHOT", "messages": messages}]

    def refused(self, code: str, message: str) -> list[Out]:
        """What the client sent came too late; what happened instead follows."""
        return [_custom("holdfast.refused", {"code": code, "message": message})]

    def events(self, event: ev.Event) -> list[Out]:
        """What an event of the run is for the client."""
        match event:
            case ev.AssistantChunk():
                return self._chunk(event)
            case ev.AssistantMessageEvent():
                return self._message(event)
            case ev.ToolCallEvent():
                call = ToolCall(event.tool_call_id, event.tool, event.arguments)
                return self._call(call)
            case ev.ToolOutput():
                return self._result(event.tool_call_id, event.output)
            case ev.ToolStateChange():
                return self._state(event)
            case ev.ToolLog():
                value = {"toolCallId": event.tool_call_id, "offset": event.offset, "text": event.text}
                return [_custom("holdfast.tool_log", value)]
            case ev.PlanUpdate():
                content = {"items": msgspec.to_builtins(event.items)}
                activity = {"messageId": f"plan-{self._session_id}", "activityType": "PLAN", "replace": True}
                return [{"type": "ACTIVITY_SNAPSHOT", **activity, "content": content}]
            case ev.TitleChanged():
                return [_custom("holdfast.title", event.title)]
            case ev.ModelChanged():
                self._model = event.model
            case ev.UsageEvent():
                self._spent(event)
            case ev.ApprovalRequired():
                self.waits |= {one.tool_call_id: one for one in event.tools}
            case ev.AskUser():
                self.waits[event.question.question_id] = event.question
            case ev.QuestionClosed():
                self.waits.pop(event.question_id, None)
        return []

    def finished(self, event: ev.Event | None = None) -> list[Out]:
        """The last events, by the event that ended the run; None: there was nothing to wait for."""
        match event:
            case ev.ErrorEvent():
                return self.failed(event.code, event.message)
            case ev.Interrupted() if event.reason != "user":
                return self.failed(event.reason, "the server stopped in the middle of the turn; what was said is kept")
            case ev.ShutdownEvent():
                return self.failed("session_closed", f"the session was shut down: {event.reason}")
            case ev.Interrupted() | ev.InputWithdrawn():
                return self._finish({"type": "cancelled"})
        return self._finish({"type": "success"})

    def interrupted(self, seq: int) -> list[Out]:
        """The last events of a run whose turn waits for the user. `seq`: the position up to which the client has everything."""
        return self._finish({"type": "interrupt", "interrupts": [interrupt(one, seq) for one in self.waits.values()]})

    def failed(self, code: str, message: str) -> list[Out]:
        """The last events of a run that failed."""
        return [*self._close(), {"type": "RUN_ERROR", "message": message, "code": code, **self._used()}]

    def _finish(self, outcome: Out) -> list[Out]:
        return [*self._close(), {"type": "RUN_FINISHED", **self._thread, "outcome": outcome, **self._used()}]

    def _chunk(self, event: ev.AssistantChunk) -> list[Out]:
        if event.kind == "reasoning":
            return self._text(_reasoning_id(event.message_id), event.offset, event.text, reasoning=True)
        return self._text(event.message_id, event.offset, event.text)

    def _text(self, own_id: str, offset: int, text: str, *, reasoning: bool = False) -> list[Out]:
        known = self._held.texts.get(own_id, 0)
        rest = text[max(0, known - offset) :]
        if not rest:
            return []
        self._held.texts[own_id] = max(known, offset + len(text))
        kind = "REASONING_MESSAGE" if reasoning else "TEXT_MESSAGE"
        out: list[Out] = []
        if own_id not in self._open:
            out += self._close()  # reasoning ends where the text begins
            self._open[own_id] = kind
            role = "reasoning" if reasoning else "assistant"
            if reasoning:
                out.append({"type": "REASONING_START", "messageId": own_id})
            out.append({"type": f"{kind}_START", "messageId": own_id, "role": role})
        return [*out, {"type": f"{kind}_CONTENT", "messageId": own_id, "delta": rest}]

    def _message(self, event: ev.AssistantMessageEvent) -> list[Out]:
        """The whole message: what chunks did not bring of it, and the end of its texts."""
        self._turn_message = event.message_id
        out = self._text(_reasoning_id(event.message_id), 0, event.reasoning, reasoning=True)
        out += self._text(event.message_id, 0, event.text)
        return [*out, *self._close()]

    def _call(self, call: ToolCall) -> list[Out]:
        arguments = msgspec.json.encode(call.arguments).decode()
        known = self._held.arguments.get(call.tool_call_id, 0)
        if known >= len(arguments):
            return []
        self._held.arguments[call.tool_call_id] = len(arguments)
        same = {"toolCallId": call.tool_call_id}
        start: Out = {"type": "TOOL_CALL_START", **same, "toolCallName": call.tool}
        if self._turn_message:
            start["parentMessageId"] = self._turn_message
        end = {"type": "TOOL_CALL_END", **same}
        return [*self._close(), start, {"type": "TOOL_CALL_ARGS", **same, "delta": arguments[known:]}, end]

    def _state(self, event: ev.ToolStateChange) -> list[Out]:
        self.waits.pop(event.tool_call_id, None)
        ended = ENDED_WITHOUT_OUTPUT.get(event.state)
        if ended is None:
            return []
        for name in ("feedback", "detail"):
            said = getattr(event, name)
            if said is not msgspec.UNSET and said:
                ended = f"{ended}\n{said}"
        return self._result(event.tool_call_id, ended)

    def _result(self, tool_call_id: str, content: str) -> list[Out]:
        for waiting in [name for name, one in self.waits.items() if one.tool_call_id == tool_call_id]:
            del self.waits[waiting]
        if tool_call_id in self._held.results:
            return []
        self._held.results.add(tool_call_id)
        same = {"messageId": f"result-{tool_call_id}", "toolCallId": tool_call_id}
        return [{"type": "TOOL_CALL_RESULT", **same, "content": content, "role": "tool"}]

    def _close(self) -> list[Out]:
        """The ends of the messages that are under way."""
        out: list[Out] = []
        for own_id, kind in self._open.items():
            out.append({"type": f"{kind}_END", "messageId": own_id})
            if kind == "REASONING_MESSAGE":
                out.append({"type": "REASONING_END", "messageId": own_id})
        self._open.clear()
        return out

    def _spent(self, event: ev.UsageEvent) -> None:
        spent = self._usage.setdefault(self._model, dict.fromkeys(USAGE_NAMES.values(), 0))
        for name, theirs in USAGE_NAMES.items():
            spent[theirs] += getattr(event, name)

    def _used(self) -> Out:
        if not self._usage:
            return {}
        entries = [
            {"model": model, **spent, "totalTokens": spent["inputTokens"] + spent["outputTokens"]}
            for model, spent in self._usage.items()
        ]
        return {"usage": entries}


def _reasoning_id(message_id: str) -> str:
    return f"{message_id}-reasoning"


def _custom(name: str, value: object) -> Out:
    return {"type": "CUSTOM", "name": name, "value": value}
