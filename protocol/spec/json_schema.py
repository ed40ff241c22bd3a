"""JSON Schema: every frame and submission as one schema (draft 2020-12), generated from the Structs."""

from typing import Any, Final, get_args

import msgspec

from protocol.content import Message
from protocol.events import Event
from protocol.frames import Frame, SocketFrame
from protocol.submissions import Submission

UNIONS: Final[dict[str, tuple[Any, str]]] = {
    "Submission": (Submission, "What a client sends: one of these, told apart by `type`."),
    "Event": (Event, "A fact of the session: journaled, numbered, the same for every client."),
    "SocketFrame": (SocketFrame, "A frame about one socket, without a position of its own in the log."),
    "Message": (Message, "A message of the history, told apart by `role`."),
}
"""The tagged unions, by the name other parts of a schema refer to them."""

FRAME_DESCRIPTION: Final = (
    "What the server sends: one of these, told apart by `type`. A client ignores types and fields it does not know."
)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the wire. The root takes any frame and any submission; `$defs` has each by its name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Holdfast wire, version 1",
        "description": "One frame of the server or one submission of a client.",
        "anyOf": [{"$ref": "#/$defs/Frame"}, {"$ref": "#/$defs/Submission"}],
        "$defs": definitions("#/$defs/{name}"),
    }


def definitions(ref_template: str) -> dict[str, Any]:
    """The schema of every Struct and union by its name, in the order of the names; `ref_template` says how they refer to each other."""
    _, structs = msgspec.json.schema_components([Frame, Submission], ref_template=ref_template)
    named = {_key(_refs(union, ref_template)): ref_template.format(name=name) for name, (union, _) in UNIONS.items()}
    found = {name: _tidy(body, named) for name, body in structs.items()}
    for name, (union, description) in UNIONS.items():
        found[name] = {"title": name, "description": description, "anyOf": _refs(union, ref_template)}
    parts = [{"$ref": ref_template.format(name=name)} for name in ("SocketFrame", "Event")]
    found["Frame"] = {"title": "Frame", "description": FRAME_DESCRIPTION, "anyOf": parts}
    return dict(sorted(found.items()))


def _refs(union: Any, ref_template: str) -> list[dict[str, str]]:
    return [{"$ref": ref_template.format(name=struct.__name__)} for struct in get_args(union)]


def _key(refs: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(ref.get("$ref", "") for ref in refs)


def _tidy(node: Any, named: dict[tuple[str, ...], str]) -> Any:
    """Without `discriminator`, which is OpenAPI's and not JSON Schema's, and with the unions by their names."""
    if isinstance(node, list):
        return [_tidy(item, named) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {name: _tidy(item, named) for name, item in node.items() if name != "discriminator"}
    union = named.get(_key(node["anyOf"])) if isinstance(node.get("anyOf"), list) else None
    if union is not None:
        del rest["anyOf"]
        rest["$ref"] = union
    return rest
