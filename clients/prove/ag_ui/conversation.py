"""Conversation: the messages of a thread as a client has them, made of AG-UI events, and the events that the checker sees. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from clients.prove.ag_ui.order import Event
from protocol import events as ev
from protocol.submissions import UserInput

AT = "1970-01-01T00:00:00Z"
"""Messages have no times."""

Message = dict[str, Any]


class Conversation:
    """One client's messages. `at_rest`: no turn is under way; else the last message has no whole answer yet."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.at_rest = True

    @property
    def calls(self) -> frozenset[str]:
        """The ids of all calls."""
        return frozenset(call["id"] for one in self.messages for call in one.get("toolCalls") or ())

    def said(self, message_id: str, text: str) -> None:
        """The user says something, unless the message is there already."""
        self.at_rest = False
        if all(one["id"] != message_id for one in self.messages):
            self.messages.append({"id": message_id, "role": "user", "content": text})

    def run_calls(self) -> bool:
        """Give the calls that have no result one, as a client does whose tools they are; whether there are any."""
        answered = {one.get("toolCallId") for one in self.messages}
        own = [call_id for call_id in sorted(self.calls) if call_id not in answered]
        self.messages += [{"id": f"result-{one}", "role": "tool", "content": "done", "toolCallId": one} for one in own]
        return bool(own)

    def take(self, event: Event) -> None:
        """Put an event of a run into the messages."""
        match event:
            case {"type": "TEXT_MESSAGE_START", "messageId": own_id}:
                self._assistant(own_id)
            case {"type": "TEXT_MESSAGE_CONTENT", "messageId": own_id, "delta": str(delta)}:
                self._assistant(own_id)["content"] += delta
            case {"type": "TOOL_CALL_START", "toolCallId": call_id, "toolCallName": name}:
                if call_id not in self.calls:
                    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
                    message = self._assistant(event.get("parentMessageId") or call_id)
                    message.setdefault("toolCalls", []).append(call)
            case {"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": str(delta)}:
                for one in self.messages:
                    for call in one.get("toolCalls") or ():
                        if call["id"] == call_id:
                            call["function"]["arguments"] += delta
            case {"type": "TOOL_CALL_RESULT", "toolCallId": call_id, "messageId": own_id}:
                result = {"role": "tool", "content": event.get("content", ""), "toolCallId": call_id}
                self.messages.append({"id": own_id, **result})
            case {"type": "MESSAGES_SNAPSHOT", "messages": list(messages)}:
                self.messages = [{**one, "content": one.get("content") or ""} for one in messages]
            case {"type": "RUN_FINISHED"}:
                outcome = event.get("outcome")
                self.at_rest = not (isinstance(outcome, dict) and outcome.get("type") == "interrupt")

    def _assistant(self, own_id: str) -> Message:
        for one in self.messages:
            if one["id"] == own_id and one["role"] == "assistant":
                return one
        self.messages.append({"id": own_id, "role": "assistant", "content": ""})
        return self.messages[-1]


def events_of(messages: Sequence[Message], *, at_rest: bool) -> list[ev.Event]:
    """The messages as events, numbered from 1. `at_rest`: the last turn has ended, too."""
    found: list[ev.Event] = []
    turn = ""

    def add(kind: Any, **fields: Any) -> None:
        found.append(kind(seq=len(found) + 1, at=AT, **fields))

    for one in messages:
        match one["role"]:
            case "user":
                if turn:
                    add(ev.TurnComplete, turn_id=turn, history_size=0)
                turn = one["id"][:64]
                add(ev.Accepted, submission_id=turn, submission=UserInput(id=turn, text=str(one["content"])))
                add(ev.Processing, turn_id=turn, submission_id=turn)
            case "assistant":
                if one["content"]:
                    whole = {"reasoning": "", "tool_calls": [], "finish_reason": "stop", "sealed": False}
                    add(ev.AssistantMessageEvent, message_id=one["id"], text=one["content"], **whole)
                for call in one.get("toolCalls") or ():
                    function = call["function"]
                    arguments = {"arguments": _compact(function["arguments"])}
                    add(ev.ToolCallEvent, tool_call_id=call["id"], tool=function["name"], arguments=arguments)
            case "tool":
                result = {"output": str(one["content"]), "success": True, "truncated": False, "duration_ms": 0}
                add(ev.ToolOutput, tool_call_id=one["toolCallId"], tool="call", **result)
    if turn and at_rest:
        add(ev.TurnComplete, turn_id=turn, history_size=0)
    return found


def _compact(arguments: str) -> str:
    """JSON without its white space; as it is where it is no JSON."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments)).decode()
    except msgspec.DecodeError:
        return arguments
