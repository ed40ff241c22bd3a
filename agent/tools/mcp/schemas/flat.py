"""MCP schemas: writes a tool's JSON Schema without references, within bounds: for model providers, and for validation.

A server chooses its schemas, so each is bounded before anything works on it: its size, its depth, and what it becomes when
the references are written out.
"""

from typing import Any, Final

import msgspec

NODES_MAX: Final = 2_000
"""Values of a schema after its references are written out. The largest known tools have some hundreds."""

CHARS_MAX: Final = 131_072
"""Characters of a schema after its references are written out: a reference may repeat a long text many times."""

DEPTH_MAX: Final = 32
REPEATS_MAX: Final = 3
"""How often a reference is written out inside of itself for validation, where that is not too large."""

BYTES_MAX: Final = 131_072
ABOUT_CHARS_MAX: Final = 500

_PROPERTY_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_PROPERTY_CHARS_MAX = 64
_OMITTED = frozenset({"$schema", "$id", "$anchor", "$defs", "definitions", "$comment"})
_UNVALIDATED = frozenset({
    *_OMITTED, "title", "description", "default", "examples", "id",
    "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
"""Keywords that are left out for validation: they say nothing about a value, need references, or cost more than their nodes."""

_VALUES = frozenset({"default", "examples", "enum", "const"})
"""Keywords whose values are not schemas."""

NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Keywords whose value has a schema for each name."""

_CHOICES = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})

_OMITTED_AT_TOP = ("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "enum", "const")
_SIBLINGS_IGNORED = ("draft-03", "draft-04", "draft-06", "draft-07")
"""In these drafts the keywords beside a reference do not count."""


class UnusableSchema(ValueError):
    """A tool's schema that no provider accepts, or that is not a JSON Schema; the message says why."""


class SchemaTooLarge(Exception):
    """The schema without references is larger than the bounds."""


def model_schema(schema: dict[str, Any]) -> dict[str, object]:
    """The schema for a model provider: an object, without `$ref`, without the keywords that providers refuse at the top.

    What is left out here is still validated. A reference that contains itself or leaves the schema becomes "anything", and
    so does each argument of a schema that would be too large. Raises UnusableSchema.
    """
    check_size(schema)
    if schema.get("type") not in (None, "object", ["object"]):
        raise UnusableSchema("its arguments are not an object")
    try:
        flat = _ForModels(schema).run()
    except SchemaTooLarge:
        flat = names_only(schema)
    for name in _OMITTED_AT_TOP:
        flat.pop(name, None)
    properties = flat.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    for name in properties:
        if not 0 < len(name) <= _PROPERTY_CHARS_MAX or not _PROPERTY_CHARS.issuperset(name):
            raise UnusableSchema("providers do not accept the name of one of its arguments")
    required = flat.get("required")
    known = [name for name in required if name in properties] if isinstance(required, list) else []
    flat = {**flat, "type": "object", "properties": properties, "required": known}
    if not known:
        flat.pop("required")
    return flat


def check_size(schema: dict[str, Any]) -> None:
    """Raise UnusableSchema if the schema has too many bytes."""
    if len(msgspec.json.encode(schema)) > BYTES_MAX:
        raise UnusableSchema(f"its schema is larger than {BYTES_MAX} bytes")


def flat_schema(schema: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The schema for validation, without references, and the number of its values. Raises SchemaTooLarge.

    A reference that contains itself is written out a few times; below that, and where a reference leaves the schema, there is
    "anything". The keywords that need references are left out.
    """
    try:
        inliner = _ForValidation(schema, REPEATS_MAX)
        return inliner.run(), inliner.nodes
    except SchemaTooLarge:
        inliner = _ForValidation(schema, 1)
        return inliner.run(), inliner.nodes


def names_only(schema: dict[str, Any]) -> dict[str, Any]:
    """Only the names of the arguments, each with its description."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    left = CHARS_MAX
    about: dict[str, dict[str, str]] = {}
    for name, inner in list(properties.items())[:NODES_MAX]:
        text = inner.get("description") if isinstance(inner, dict) else None
        text = text[: min(ABOUT_CHARS_MAX, left)] if isinstance(text, str) else ""
        left -= len(text)
        about[name] = {"description": text} if text else {}
    return {"properties": about, "required": schema.get("required")}


class _Inliner:
    """Replaces the references of a schema by what they refer to, within bounds."""

    omitted: frozenset[str]

    def __init__(self, root: dict[str, Any], repeats: int = 1) -> None:
        self._root = root
        self._repeats = repeats
        self._chars = 0
        self.nodes = 0

    def run(self) -> dict[str, Any]:
        flat = self._write(self._root, (), 0)
        assert isinstance(flat, dict)
        return flat

    def _with_target(self, target: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
        """A schema of what a reference refers to and the keywords beside it."""
        raise NotImplementedError

    def _count(self, node: Any, depth: int) -> None:
        self.nodes += 1
        if isinstance(node, str):
            self._chars += len(node)
        if self.nodes > NODES_MAX or depth > DEPTH_MAX or self._chars > CHARS_MAX:
            raise SchemaTooLarge

    def _write(self, node: Any, above: tuple[str, ...], depth: int) -> Any:
        self._count(node, depth)
        if isinstance(node, list):
            return [self._write(item, above, depth + 1) for item in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target = None if above.count(reference) >= self._repeats else self._find(reference)
            node = self._with_target(target or {}, beside)
            above = (*above, reference)
        written: dict[str, Any] = {}
        for key, value in node.items():
            if key in self.omitted:
                continue
            self._count(key, depth)
            # Inside of `properties` the keys are names of arguments.
            if key in NAMED_SCHEMAS and isinstance(value, dict):
                written[key] = self._write_named(value, above, depth + 1)
            else:
                written[key] = self._value(value, depth + 1) if key in _VALUES else self._write(value, above, depth + 1)
        return self._written(written)

    def _written(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema whose parts are written."""
        return schema

    def _write_named(self, schemas: dict[str, Any], above: tuple[str, ...], depth: int) -> dict[str, Any]:
        written = {}
        for name, inner in schemas.items():
            self._count(name, depth)
            written[name] = self._write(inner, above, depth)
        return written

    def _value(self, value: Any, depth: int) -> Any:
        """A value that is not a schema: counted, and left as it is."""
        self._count(value, depth)
        if isinstance(value, dict):
            for key, item in value.items():
                self._count(key, depth)
                self._value(item, depth + 1)
        elif isinstance(value, list):
            for item in value:
                self._value(item, depth + 1)
        return value

    def _find(self, reference: str) -> dict[str, Any] | None:
        """The part of this schema that `#/$defs/Name` refers to; None if there is none."""
        if not reference.startswith("#/"):
            return None
        found: Any = self._root
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None


class _ForModels(_Inliner):
    """What stands beside a reference replaces what it refers to: models need one description and no exact meaning."""

    omitted = _OMITTED

    def _with_target(self, target: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
        return {**target, **beside}

    def _written(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema as strict providers take it: each array says what its items are, and no schema is `true` or null."""
        kind = schema.get("type")
        if kind is None or kind == []:
            schema.pop("type", None)
        items = schema.get("items")
        if isinstance(items, list):
            schema["items"] = {"anyOf": items} if items else {}
        elif not isinstance(items, dict) and ("items" in schema or kind == "array" or _lists_array(kind)):
            schema["items"] = {}
        for name in _CHOICES.intersection(schema):
            choices = schema[name]
            if isinstance(choices, list):
                schema[name] = [choice if isinstance(choice, dict) else {} for choice in choices]
        for name in NAMED_SCHEMAS.intersection(schema):
            named = schema[name]
            if isinstance(named, dict):
                schema[name] = {key: value if isinstance(value, dict) else {} for key, value in named.items()}
            else:
                del schema[name]
        return schema


def _lists_array(kind: object) -> bool:
    return isinstance(kind, list) and "array" in kind


class _ForValidation(_Inliner):
    """What stands beside a reference counts as well, in the drafts that say so."""

    omitted = _UNVALIDATED

    def __init__(self, root: dict[str, Any], repeats: int) -> None:
        super().__init__(root, repeats)
        self._old = any(draft in str(root.get("$schema")) for draft in _SIBLINGS_IGNORED)

    def _with_target(self, target: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
        if self._old:
            return target
        others = beside.get("allOf")
        return {**beside, "allOf": [target, *(others if isinstance(others, list) else [])]}
