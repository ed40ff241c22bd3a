"""Loop detection: a call made again and again with the same result is noted for the model, then ends the turn. Pure.

Counted are the model's messages since the last user message, since the calls of one message are made before any has a
result.
"""

import msgspec

from agent.session.session import Session
from protocol.content import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

NOTE = (
    "\n\n[You have made this same call several times, always with the same result. Do something else, or say what is "
    "missing; if you continue to repeat it, the turn is ended.]"
)


def with_note(session: Session, call_id: str, output: str) -> str:
    """The result, with a note to the model if this call has had this result often enough."""
    rounds, limit = _rounds(session.state.view.messages), session.rules.repeated_calls_noted
    if len(rounds) < limit:
        return output
    call = next((call for call in rounds[-1].calls if call.tool_call_id == call_id), None)
    if call is None:
        return output
    before = sum(earlier.has_result(call, output) for earlier in rounds[:-1])
    return output + NOTE if before + 1 == limit else output


def find_loop(session: Session) -> str | None:
    """Why the turn must end, as a message: a call of the newest message was repeated too often. None if none was."""
    rounds, limit = _rounds(session.state.view.messages), session.rules.repeated_calls_max
    if len(rounds) < limit:
        return None
    for call in rounds[-1].calls:
        output = rounds[-1].outputs.get(call.tool_call_id)
        if output is not None and sum(each.has_result(call, output) for each in rounds) >= limit:
            return f"the model made the same call of {call.tool} {limit} times, always with the same result"
    return None


class _Round(msgspec.Struct):
    """The calls of one message, and the outputs of those that completed, without the note."""

    calls: list[ToolCall]
    outputs: dict[str, str]

    def has_result(self, call: ToolCall, output: str) -> bool:
        """Whether the message has an equal call with this output."""
        return any(
            self.outputs.get(own.tool_call_id) == output
            and (own.tool, own.malformed, own.arguments) == (call.tool, call.malformed, call.arguments)
            for own in self.calls
        )


def _rounds(messages: list[Message]) -> list[_Round]:
    """The messages with calls since the last user message, in order."""
    rounds: list[_Round] = []
    outputs: dict[str, str] = {}
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            break
        if isinstance(message, ToolMessage):
            if message.state == "completed":
                outputs[message.tool_call_id] = message.output.removesuffix(NOTE)
        elif isinstance(message, AssistantMessage) and message.tool_calls:
            rounds.append(_Round(message.tool_calls, outputs))
            outputs = {}
    return rounds[::-1]
