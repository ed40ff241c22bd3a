"""MCP schemas: rewrites a tool's JSON Schema for model providers, and validates arguments against the original."""

import re
from typing import Any, Final

import msgspec

NODES_MAX: Final = 4_000
DEPTH_MAX: Final = 32
BYTES_MAX: Final = 131_072
ERROR_CHARS_MAX: Final = 500

_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_OMITTED = ("$schema", "$id", "$anchor", "$defs", "definitions", "$comment")
_VALUES = ("default", "examples", "enum", "const")
"""Keywords whose values are not schemas."""
_OMITTED_AT_TOP = ("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "enum", "const")


class UnusableSchema(ValueError):
    """A tool's schema that no provider accepts; the message says why."""


def model_schema(schema: dict[str, Any]) -> dict[str, object]:
    """The schema for a model provider: an object, without `$ref`, without the keywords that providers refuse at the top.

    What is left out here is still validated. A reference that contains itself or leaves the schema becomes "anything", and
    so does each argument of a schema that would be too large. Raises UnusableSchema.
    """
    if len(msgspec.json.encode(schema)) > BYTES_MAX:
        raise UnusableSchema(f"its schema is larger than {BYTES_MAX} bytes")
    if schema.get("type", "object") != "object":
        raise UnusableSchema("its arguments are not an object")
    try:
        flat = _Inliner(schema).run()
    except _TooLarge:
        flat = _names(schema)
    for name in _OMITTED_AT_TOP:
        flat.pop(name, None)
    properties = flat.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    for name in properties:
        if _PROPERTY.fullmatch(name) is None:
            raise UnusableSchema("providers do not accept the name of one of its arguments")
    required = flat.get("required")
    known = [name for name in required if name in properties] if isinstance(required, list) else []
    flat = {**flat, "type": "object", "properties": properties, "required": known}
    if not known:
        flat.pop("required")
    return flat


class ArgumentsValidator:
    """Validates arguments against a JSON Schema. Nothing is fetched: a reference out of the schema is ignored.

    Raises UnusableSchema if the schema is not a JSON Schema.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        import jsonschema
        import referencing

        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise UnusableSchema(f"its schema is not a JSON Schema: {_short(error.message)}") from error
        self._validator = kind(schema, registry=referencing.Registry())
        self._best = jsonschema.exceptions.best_match
        self._unresolvable = referencing.exceptions.Unresolvable

    def validate(self, arguments: dict[str, Any]) -> str | None:
        """What is wrong and where (`... - at `$.path``); None if the arguments are valid."""
        try:
            error = self._best(self._validator.iter_errors(arguments))
        except self._unresolvable:
            return None  # the schema is wrong, not the arguments: the server decides
        return None if error is None else f"{_short(error.message)} - at `{error.json_path}`"


def _names(schema: dict[str, Any]) -> dict[str, Any]:
    """Only the names of the arguments, each with its description."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    about = {
        name: {"description": _short(inner["description"])}
        if isinstance(inner, dict) and isinstance(inner.get("description"), str)
        else {}
        for name, inner in properties.items()
    }
    return {"properties": about, "required": schema.get("required")}


def _short(text: str) -> str:
    return text if len(text) <= ERROR_CHARS_MAX else f"{text[:ERROR_CHARS_MAX]}..."


class _TooLarge(Exception):
    """The schema without references is larger than the bounds."""


class _Inliner:
    """Replaces the references of a schema by what they refer to, within bounds."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = NODES_MAX

    def run(self) -> dict[str, Any]:
        flat = self._write(self._root, ())
        assert isinstance(flat, dict)
        return flat

    def _write(self, node: Any, above: tuple[str, ...], depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            raise _TooLarge
        if isinstance(node, list):
            return [self._write(item, above, depth + 1) for item in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target = None if reference in above else self._find(reference)
            node = {**(target or {}), **beside}
            above = (*above, reference)
        written = {}
        for key, value in node.items():
            # Inside of `properties` the keys are names of arguments.
            if key == "properties" and isinstance(value, dict):
                written[key] = {name: self._write(inner, above, depth + 1) for name, inner in value.items()}
            elif key in _VALUES:
                written[key] = value
            elif key not in _OMITTED:
                written[key] = self._write(value, above, depth + 1)
        return written

    def _find(self, reference: str) -> dict[str, Any] | None:
        """The part of this schema that `#/$defs/Name` refers to; None if there is none."""
        if not reference.startswith("#/"):
            return None
        found: Any = self._root
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None
