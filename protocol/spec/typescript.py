"""TypeScript: the wire as declarations, with tagged unions that narrow by `type`."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import inspect

from protocol import PROTOCOL_VERSION, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from protocol.frames import Frame
from protocol.spec.json_schema import FRAME_DESCRIPTION, UNIONS
from protocol.submissions import Submission

HEADER: Final = f"""\
// The wire of Holdfast, version {PROTOCOL_VERSION}. Written from the server's own types: change those, not this file.
// What the server sends always has every field that is not marked optional here.

export type Subprotocol = "{SUBPROTOCOL_JSON}" | "{SUBPROTOCOL_MSGPACK}";
export type Json = null | boolean | number | string | Json[] | {{ [key: string]: Json }};
"""
JSON_OBJECT: Final = "{ [key: string]: Json }"
WORDS: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.FloatType: "number",
    inspect.NoneType: "null",
    inspect.AnyType: "Json",
}


class FieldShape(NamedTuple):
    """A field as the wire shows it. `optional`: it may be missing. `default`: what a missing one means, as JSON."""

    name: str
    type: inspect.Type
    optional: bool
    default: str | None
    description: str


def typescript() -> str:
    """The text of a `.d.ts`: one interface a Struct, one union a tagged union."""
    parts = [HEADER, *(_interface(struct) for struct in structs()), *_unions()]
    return "\n".join(parts)


def structs() -> list[inspect.StructType]:
    """Every Struct of the wire, in the order of their names."""
    found: dict[str, inspect.StructType] = {}
    for union in (Frame, Submission):
        for struct in _reachable(inspect.type_info(union)):
            found[struct.cls.__name__] = struct
    return [found[name] for name in sorted(found)]


def fields(struct: inspect.StructType) -> Iterator[FieldShape]:
    """The Struct's fields in the order of the wire, its tag aside."""
    omits = struct.cls.__struct_config__.omit_defaults
    for field in struct.fields:
        unset = not field.required and field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        default = None if field.default is msgspec.NODEFAULT else msgspec.json.encode(field.default).decode()
        optional = unset or (omits and not field.required)
        yield FieldShape(
            field.encode_name, field.type, optional, default if optional else None, description(field.type)
        )


def description(node: inspect.Type) -> str:
    """What a field's annotation says about it; empty where it says nothing."""
    if isinstance(node, inspect.Metadata):
        return str((node.extra_json_schema or {}).get("description", "")) or description(node.type)
    return ""


def type_text(node: inspect.Type, integer: str = "number") -> str:
    """A type as TypeScript writes it; `integer` is the word for whole numbers."""
    match node:
        case inspect.Metadata():
            return type_text(node.type, integer)
        case inspect.IntType():
            return integer
        case inspect.LiteralType():
            return " | ".join(msgspec.json.encode(value).decode() for value in node.values)
        case inspect.ListType():
            item = type_text(node.item_type, integer)
            return f"({item})[]" if " | " in item else f"{item}[]"
        case inspect.DictType():
            return JSON_OBJECT
        case inspect.StructType():
            return str(node.cls.__name__)
        case inspect.UnionType():
            names = [type_text(part, integer) for part in node.types]
            return _union_name(names) or " | ".join(names)
    return WORDS[type(node)]


def _union_name(names: list[str]) -> str | None:
    return next((name for name, (union, _) in UNIONS.items() if [s.__name__ for s in get_args(union)] == names), None)


def _interface(struct: inspect.StructType) -> str:
    lines = [_comment(struct.cls.__doc__, ""), f"export interface {struct.cls.__name__} {{"]
    if struct.tag is not None:
        lines.append(f'  {struct.tag_field}: "{struct.tag}";')
    for field in fields(struct):
        says = field.description
        if field.default is not None:
            says = f"{says}; default {field.default}" if says else f"default {field.default}"
        lines += [_comment(says, "  ")] if says else []
        lines.append(f"  {field.name}{'?' if field.optional else ''}: {type_text(field.type)};")
    return "\n".join([*lines, "}", ""])


def _unions() -> Iterator[str]:
    for name, (union, says) in UNIONS.items():
        members = "".join(f"\n  | {struct.__name__}" for struct in get_args(union))
        yield f"{_comment(says, '')}\nexport type {name} ={members};\n"
    yield f"{_comment(FRAME_DESCRIPTION, '')}\nexport type Frame = SocketFrame | Event;\n"


def _comment(text: str | None, indent: str) -> str:
    return f"{indent}/** {(text or '').strip()} */"


def _reachable(node: Any) -> Iterator[inspect.StructType]:
    match node:
        case inspect.Metadata():
            yield from _reachable(node.type)
        case inspect.ListType():
            yield from _reachable(node.item_type)
        case inspect.DictType():
            yield from _reachable(node.value_type)
        case inspect.UnionType():
            for part in node.types:
                yield from _reachable(part)
        case inspect.StructType():
            yield node
            for field in node.fields:
                yield from _reachable(field.type)
