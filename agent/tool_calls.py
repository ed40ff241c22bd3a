"""The mind's reading of tool calls: what a model wrote becomes calls with sound ids and arguments, or a complaint."""

import re

import msgspec

from agent.models import ModelReply, RawToolCall
from agent.redaction import Redactor
from agent.state import SessionState
from protocol.codec import DECODE_ERRORS, check_plain
from protocol.content import AssistantMessage, ToolCall

MAX_ID_CHARS = 512
MAX_NAME_CHARS = 64
MAX_MALFORMED_CHARS = 2_000
CUT = "the message was cut by the output limit in the middle of this call; write the call again, shorter or in several parts"
UNSOUND_NAME = re.compile(r"[^a-zA-Z0-9_-]")
"""What providers refuse in the name of a call when the history is sent to them again."""


def read_calls(
    reply: ModelReply, state: SessionState, most: int, redactor: Redactor
) -> list[tuple[ToolCall, str | None]]:
    """The calls of a reply, each with a complaint for the model if it cannot be run as written."""
    taken = {c.tool_call_id for m in state.view.messages if isinstance(m, AssistantMessage) for c in m.tool_calls}
    calls: list[tuple[ToolCall, str | None]] = []
    for number, raw in enumerate(reply.tool_calls):
        call_id = raw.id
        if not call_id or len(call_id) > MAX_ID_CHARS or call_id in taken:
            call_id = f"call-{state.view.seq + 1}-{number}"
        taken.add(call_id)
        cut_short = reply.finish_reason == "length" and number == len(reply.tool_calls) - 1
        call, complaint = _read(raw, call_id, cut_short, redactor)
        if complaint is None and number >= most:
            complaint = f"not run: more than {most} calls in one message; ask again for what is missing"
        calls.append((call, complaint))
    return calls


def _read(raw: RawToolCall, call_id: str, cut_short: bool, redactor: Redactor) -> tuple[ToolCall, str | None]:
    name = UNSOUND_NAME.sub("_", raw.name)[:MAX_NAME_CHARS] or "unnamed"
    if cut_short and not raw.arguments.strip():
        return ToolCall(call_id, name, {}), f"not run: {CUT}"
    try:
        arguments = msgspec.json.decode(raw.arguments or "{}", type=dict[str, object])
        check_plain(arguments)
        arguments = {redactor.redact(name): redactor.redact_value(value) for name, value in arguments.items()}
    except (*DECODE_ERRORS, ValueError) as error:
        call = ToolCall(call_id, name, {}, malformed=redactor.redact(raw.arguments)[:MAX_MALFORMED_CHARS])
        if cut_short:
            return call, f"not run: {CUT}"
        return (
            call,
            f"not run: the arguments are not a JSON object ({redactor.redact(str(error))}); write the call again",
        )
    return ToolCall(call_id, name, arguments), None
