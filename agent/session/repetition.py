"""The mind's patience: the same call with the same result over and over is noticed, told to the model, and ended. Pure.

Counted are the messages of the model since the user last spoke: calls of one message are made before any has a result.
"""

import msgspec

from agent.session.session import Session
from protocol.content import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

NOTE = (
    "\n\n[You have made this very call several times, and each time it came to the same. Do something else, or say what "
    "is missing; if you go on like this, the turn is ended.]"
)


def with_note(session: Session, call_id: str, output: str) -> str:
    """The result, with a word to the model where this is the call that has come to it once too often."""
    rounds, often = _rounds(session.state.view.messages), session.rules.repeated_calls_noted
    if len(rounds) < often:
        return output
    call = next((call for call in rounds[-1].calls if call.tool_call_id == call_id), None)
    if call is None:
        return output
    before = sum(earlier.has_result(call, output) for earlier in rounds[:-1])
    return output + NOTE if before + 1 == often else output


def find_loop(session: Session) -> str | None:
    """Why the turn is to end: a call of the newest message was made too often; None if none was."""
    rounds, most = _rounds(session.state.view.messages), session.rules.turn.repeated_calls_max
    if len(rounds) < most:
        return None
    for call in rounds[-1].calls:
        output = rounds[-1].outputs.get(call.tool_call_id)
        if output is not None and sum(each.has_result(call, output) for each in rounds) >= most:
            return f"the model made the same call of {call.tool} {most} times, always with the same result"
    return None


class _Round(msgspec.Struct):
    """A message's calls and the outputs of those that completed, without our note."""

    calls: list[ToolCall]
    outputs: dict[str, str]

    def has_result(self, call: ToolCall, output: str) -> bool:
        """Whether the message made such a call, which came to this."""
        return any(
            self.outputs.get(own.tool_call_id) == output
            and (own.tool, own.malformed, own.arguments) == (call.tool, call.malformed, call.arguments)
            for own in self.calls
        )


def _rounds(messages: list[Message]) -> list[_Round]:
    """The messages with calls since the user last spoke, in order."""
    found: list[_Round] = []
    outputs: dict[str, str] = {}
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            break
        if isinstance(message, ToolMessage):
            if message.state == "completed":
                outputs[message.tool_call_id] = message.output.removesuffix(NOTE)
        elif isinstance(message, AssistantMessage) and message.tool_calls:
            found.append(_Round(message.tool_calls, outputs))
            outputs = {}
    return found[::-1]
