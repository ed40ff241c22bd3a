"""The mind's reading of tool calls: what a model wrote becomes calls with sound ids and arguments, or a complaint."""

import re

import msgspec

from agent.models import ModelReply, RawToolCall
from agent.redaction import Redactor
from agent.session.state import SessionState
from protocol.codec import DECODE_ERRORS, check_plain
from protocol.content import AssistantMessage, ToolCall

MAX_ID_CHARS = 512
MAX_NAME_CHARS = 64
MAX_MALFORMED_CHARS = 2_000
CUT = "the message was cut by the output limit in the middle of this call; write the call again, shorter or in several parts"
UNSOUND_NAME = re.compile(r"[^a-zA-Z0-9_-]")
"""What providers refuse in the name of a call when the history is sent to them again."""


class Unreadable(ValueError):
    """The arguments of a call cannot be read; the message says why, to the model."""


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


def read_arguments(written: str, cut_short: bool = False) -> dict[str, object]:
    """What a model wrote as a call's arguments. `cut_short`: its message ended in this call. Raises `Unreadable`."""
    if cut_short and not written.strip():
        raise Unreadable(CUT)
    try:
        arguments = msgspec.json.decode(written or "{}", type=dict[str, object])
        check_plain(arguments)
    except (*DECODE_ERRORS, ValueError) as error:
        why = CUT if cut_short else f"the arguments are not a JSON object ({error}); write the call again"
        raise Unreadable(why) from error
    return arguments


def sound_name(name: str) -> str:
    """A tool's name as every provider takes it in a history."""
    return UNSOUND_NAME.sub("_", name)[:MAX_NAME_CHARS] or "unnamed"


def _read(raw: RawToolCall, call_id: str, cut_short: bool, redactor: Redactor) -> tuple[ToolCall, str | None]:
    name = sound_name(raw.name)
    try:
        arguments = read_arguments(raw.arguments, cut_short)
    except Unreadable as error:
        malformed = redactor.redact(raw.arguments)[:MAX_MALFORMED_CHARS] or msgspec.UNSET
        return ToolCall(call_id, name, {}, malformed=malformed), f"not run: {redactor.redact(str(error))}"
    arguments = {redactor.redact(key): redactor.redact_value(value) for key, value in arguments.items()}
    return ToolCall(call_id, name, arguments), None
