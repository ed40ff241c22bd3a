"""Markdown: the tables of docs/protocol.md, and the list of the files that are generated from the Structs."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, get_args

from msgspec import inspect

from protocol.codes import CLOSES, DENIALS, ERRORS, REFUSALS, Code
from protocol.content import Message, OpenCall, OpenMessage, PendingTool, PlanItem, QueuedInput, Step, ToolCall, Usage
from protocol.events import Event, EventBase
from protocol.frames import SocketFrame
from protocol.limits import Limits
from protocol.spec.asyncapi import asyncapi
from protocol.spec.json_schema import json_schema
from protocol.spec.typescript import JSON_OBJECT, FieldShape, description, fields, type_text, typescript
from protocol.submissions import Approval, Submission

PARTS: Final = (ToolCall, OpenMessage, OpenCall, Step, PendingTool, QueuedInput, PlanItem, Usage, Approval)
"""What frames are made of besides messages and limits."""

_BLOCK: Final = re.compile(r"(<!-- generated: (?P<name>[a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def artifacts() -> dict[str, Callable[[], str]]:
    """The committed files that are written from the Structs whole: path from the project's root -> what its text must be."""
    return {
        "docs/schema.json": lambda: _pretty(json_schema()),
        "docs/asyncapi.json": lambda: _pretty(asyncapi()),
        "clients/js/protocol.d.ts": typescript,  # there because an npm package holds files below it alone
    }


def protocol_tables() -> dict[str, str]:
    """The tables of docs/protocol.md, by the names of its blocks."""
    return {
        "submissions": _structs("type", get_args(Submission)),
        "socket_frames": _structs("type", get_args(SocketFrame)),
        "events": _structs("type", get_args(Event), without=_names(EventBase)),
        "event_base": _fields(EventBase),
        "messages": _structs("role", get_args(Message)),
        "parts": _structs("part", PARTS),
        "refusal_codes": _codes(REFUSALS),
        "error_codes": _codes(ERRORS),
        "close_codes": _table(
            ("code", "meaning", "the client"), ((f"{c}", x.meaning, x.client) for c, x in CLOSES.items())
        ),
        "denial_codes": _table(
            ("status", "code", "meaning"), ((f"{d.status}", f"`{c}`", d.meaning) for c, d in DENIALS.items())
        ),
        "limits": _limits(),
    }


def fill(text: str, tables: dict[str, str]) -> str:
    """`text` with each block between `<!-- generated: NAME -->` and `<!-- end -->` replaced. Raises KeyError for a NAME there is no table for."""
    return _BLOCK.sub(lambda block: f"{block[1]}{tables[block['name']]}{block[3]}", text)


def _pretty(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _codes(codes: dict[str, Code]) -> str:
    rows = ((f"`{code}`", "yes" if found.retryable else "no", found.meaning) for code, found in codes.items())
    return _table(("code", "retryable", "meaning"), rows)


def _names(struct: type[Any]) -> frozenset[str]:
    return frozenset(struct.__struct_fields__)


def _structs(kind: str, structs: Iterable[Any], without: frozenset[str] = frozenset()) -> str:
    rows = []
    for struct in structs:
        shape = _shape(struct)
        shown = "<br>".join(_field(field) for field in fields(shape) if field.name not in without)
        rows.append((f"`{shape.tag or struct.__name__}`", shown or "none", (struct.__doc__ or "").strip()))
    return _table((kind, "fields", "meaning"), rows)


def _fields(struct: Any) -> str:
    return _table(("field", "meaning"), ((_signature(field), field.description) for field in fields(_shape(struct))))


def _field(field: FieldShape) -> str:
    default = f" (default `{field.default}`)" if field.default is not None else ""
    return f"{_signature(field)}{default}{': ' if field.description else ''}{field.description}"


def _signature(field: FieldShape) -> str:
    text = type_text(field.type, integer="integer").replace(JSON_OBJECT, "object").replace("|", "\\|")
    return f"`{field.name}{'?' if field.optional else ''}: {text}`"


def _limits() -> str:
    shape = _shape(Limits)
    rows = ((f"`{f.name}`", f"{f.default}", description(f.type)) for f in shape.fields)
    return _table(("limit", "default", "meaning"), rows)


def _shape(struct: Any) -> inspect.StructType:
    shape = inspect.type_info(struct)
    assert isinstance(shape, inspect.StructType), "every word of the wire is a Struct"
    return shape
