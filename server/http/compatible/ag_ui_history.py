"""AG-UI history: a session's messages as those of AG-UI, for a client that has none. Pure."""

from typing import Any, Final

import msgspec

from protocol.content import AssistantMessage, Message, OpenMessage, UserMessage
from protocol.view import View
from server.http.compatible.messages import said_by_user

CHARS_MAX: Final = 4_000_000
"""Of the newest messages that a client gets; its library takes 10 MiB of one event."""


def snapshot(view: View) -> list[dict[str, Any]]:
    """The newest messages of the view, and what is known of the one under way."""
    out: list[dict[str, Any]] = []
    room = CHARS_MAX
    opened = [view.open_message] if view.open_message is not None else []
    for message in reversed([*view.messages, *opened]):
        for one in reversed(_messages(message)):
            room -= len(one.get("content") or "") + sum(
                len(call["function"]["arguments"]) for call in one.get("toolCalls", ())
            )
            if room < 0:
                return out[::-1]
            out.append(one)
    return out[::-1]


def _messages(message: Message | OpenMessage) -> list[dict[str, Any]]:
    if isinstance(message, UserMessage):
        return [{"id": message.submission_id, "role": "user", "content": said_by_user(message.text)}]
    if isinstance(message, AssistantMessage | OpenMessage):
        reasoning = [{"id": f"{message.message_id}-reasoning", "role": "reasoning", "content": message.reasoning}]
        said: dict[str, Any] = {"id": message.message_id, "role": "assistant", "content": message.text}
        if isinstance(message, AssistantMessage) and message.tool_calls:
            said["toolCalls"] = [
                {
                    "id": call.tool_call_id,
                    "type": "function",
                    "function": {"name": call.tool, "arguments": msgspec.json.encode(call.arguments).decode()},
                }
                for call in message.tool_calls
            ]
        return [*(reasoning if message.reasoning else []), said]
    return [
        {
            "id": f"result-{message.tool_call_id}",
            "role": "tool",
            "content": message.output,
            "toolCallId": message.tool_call_id,
        }
    ]
