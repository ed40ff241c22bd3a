"""AG-UI interrupts: what a turn waits for, as a client is told of it, and the ids by which it answers. Pure."""

from typing import Any, Final, Literal

import msgspec

from protocol.content import PendingTool, Question, QuestionField

TYPES: Final = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean"}
DECISION_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "feedback": {"type": "string"},
        "arguments": {"type": "object"},
        "scope": {"enum": ["once", "session"]},
    },
    "required": ["approved"],
}
"""What answers an interrupt about a call: as an `approvals` entry on the wire."""


class BadRun(Exception):
    """The run cannot be understood; the text says why."""


def interrupt(one: PendingTool | Question, seq: int) -> dict[str, Any]:
    """What the turn waits for. `seq`: the position at which the run ends, where the next one goes on; the id holds it."""
    if isinstance(one, PendingTool):
        known = {"tool": one.tool, "arguments": one.arguments}
        if one.grant is not msgspec.UNSET:
            known["grant"] = one.grant
        return {
            "id": _id(seq, "call", one.tool_call_id),
            "reason": "tool_approval",
            "message": f"{one.tool}: {one.reason}",
            "toolCallId": one.tool_call_id,
            "responseSchema": DECISION_SCHEMA,
            "metadata": {"holdfast": known},
        }
    return {
        "id": _id(seq, "question", one.question_id),
        "reason": "question",
        "message": f"{one.asker}: {one.message}",
        "toolCallId": one.tool_call_id,
        "responseSchema": _reply_schema(one),
        "metadata": {"holdfast": msgspec.to_builtins(one)},
    }


def parse_id(text: str) -> tuple[int, str, str]:
    """The position, the kind and the id of the call or question. Raises `BadRun`."""
    seq, _, rest = text.partition(":")
    kind, _, about = rest.partition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 19 and kind in ("call", "question") and about):
        raise BadRun(f"{text!r} is no interrupt of this server")
    return int(seq), kind, about


def _id(seq: int, kind: Literal["call", "question"], about: str) -> str:
    return f"{seq}:{kind}:{about}"


def _reply_schema(question: Question) -> dict[str, Any]:
    content = {
        "type": "object",
        "properties": {field.name: _field_schema(field) for field in question.fields},
        "required": [field.name for field in question.fields if field.required],
    }
    properties = {"action": {"enum": ["accept", "decline", "cancel"]}, "content": content}
    return {"type": "object", "properties": properties, "required": ["action"]}


def _field_schema(field: QuestionField) -> dict[str, Any]:
    choices = [{"const": one.value, "title": one.label} for one in field.options]
    if field.kind == "choice":
        schema: dict[str, Any] = {"type": "string", "oneOf": choices}
    elif field.kind == "choices":
        schema = {"type": "array", "items": {"anyOf": choices}}
    else:
        schema = {"type": TYPES[field.kind]}
    known = {"title": field.label, "description": field.help}
    return schema | {name: text for name, text in known.items() if text}
