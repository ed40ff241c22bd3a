"""MCP validation: checks the arguments of a call against the schema of a foreign server, within a bound on the work.

The library is jsonschema-rs: its regular expressions take linear time, and their size has a bound. Everything else that a
schema can make slow is bounded here: the schema has no references and few values, a call's arguments are only checked if
schema times arguments is little work, and errors are only explained where that is cheap. What is not checked here, the server
checks itself. The measurements are in docs/architecture.md.
"""

from typing import Any, Final

from agent.tools.mcp.schemas.flat import (
    NAMED_SCHEMAS,
    SchemaTooLarge,
    UnusableSchema,
    check_size,
    flat_schema,
    names_only,
)

WORK_MAX: Final = 200_000
"""Values of the schema times values of the arguments that are checked: some milliseconds."""

VALUES_MAX: Final = 5_000
"""Values of the arguments that are checked: `uniqueItems` compares each with each."""

EXPRESSIONS_MAX: Final = 16
"""Regular expressions of one schema; those after them are not checked. Each may take a millisecond to compile."""

EXPRESSION_WORK_MAX: Final = 20_000
"""Regular expressions of the schema times characters of the arguments: the slowest that fits takes 1.5 us a character."""

EXPRESSION_CHARS_MAX: Final = 1_000
EXPRESSION_BYTES_MAX: Final = 20_000
"""Bytes of a compiled regular expression; a larger one is not checked."""

EXPRESSION_CACHE_BYTES: Final = 200_000

EXPLAINED_VALUES_MAX: Final = 1_000
EXPLAINED_CHARS_MAX: Final = 20_000
"""Arguments whose errors are explained: an error has a copy of them."""

EXPLAINED_CHOICES_MAX: Final = 8
ERROR_CHARS_MAX: Final = 500

NOT_EXPLAINED = "they do not fit its schema"

_APPLICATORS = frozenset({
    "properties", "patternProperties", "additionalProperties", "propertyNames", "dependentSchemas", "dependencies",
    "items", "prefixItems", "additionalItems", "contains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
})  # fmt: skip
_UNEXPLAINED = frozenset({"not", "if", "then", "else", "contains", "propertyNames", "dependentSchemas", "dependencies"})


class ArgumentsValidator:
    """Validates arguments against a JSON Schema. Nothing is fetched: a reference out of the schema is ignored.

    Raises UnusableSchema if the schema is not a JSON Schema.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        check_size(schema)
        try:
            flat, self._nodes = flat_schema(schema)
        except SchemaTooLarge:
            flat, self._nodes = names_only(schema), 0
            flat = {name: value for name, value in flat.items() if value is not None}
        self._kind = _kind(schema)
        self._expressions: dict[str, bool] = {}
        self._flat = self._without_expressions(flat)
        self._whole = self._compile(self._flat)
        self._explained: Any = None

    def validate(self, arguments: dict[str, Any]) -> str | None:
        """What is wrong and where (`... - at `$.path``); None if the arguments are valid, or too large to be checked."""
        values, chars = _measure(arguments)
        expressions = sum(self._expressions.values())
        if values > VALUES_MAX or values * self._nodes > WORK_MAX or chars * expressions > EXPRESSION_WORK_MAX:
            return None
        if self._whole.is_valid(arguments):
            return None
        if values > EXPLAINED_VALUES_MAX or chars > EXPLAINED_CHARS_MAX:
            return NOT_EXPLAINED
        return self._explain(arguments)

    def _explain(self, arguments: dict[str, Any]) -> str:
        import jsonschema_rs

        if self._explained is None:
            self._explained = self._compile(_explainable(self._flat))
        try:
            self._explained.validate(arguments)
        except jsonschema_rs.ValidationError as error:
            return f"{_short(error.message)} - at `{_path(error.instance_path)}`"
        return NOT_EXPLAINED

    def _compile(self, schema: dict[str, Any]) -> Any:
        import jsonschema_rs

        try:
            return self._kind(schema, validate_formats=False, offline=True, pattern_options=_expression_options())
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            message = getattr(error, "message", str(error))
            raise UnusableSchema(f"its schema is not a JSON Schema: {_short(message)}") from error

    def _without_expressions(self, node: Any) -> Any:
        """The schema without the regular expressions that are not checked: too large, too many, or not of a regular language."""
        if isinstance(node, list):
            return [self._without_expressions(item) for item in node]
        if not isinstance(node, dict):
            return node
        kept = {}
        for key, value in node.items():
            if key in NAMED_SCHEMAS and isinstance(value, dict):
                kept[key] = {name: self._without_expressions(inner) for name, inner in value.items()}
            elif key in ("enum", "const"):
                kept[key] = value
            elif key != "pattern" or not isinstance(value, str) or self._is_checked(value):
                kept[key] = self._without_expressions(value)
        named = kept.get("patternProperties")
        if isinstance(named, dict):
            checked = {name: inner for name, inner in named.items() if self._is_checked(name)}
            if len(checked) < len(named):
                kept.pop("additionalProperties", None)  # it is about the names that match no expression
            kept["patternProperties"] = checked
        return kept

    def _is_checked(self, expression: str) -> bool:
        import jsonschema_rs

        known = self._expressions.get(expression)
        if known is not None:
            return known
        if len(self._expressions) >= EXPRESSIONS_MAX or len(expression) > EXPRESSION_CHARS_MAX:
            return False
        try:
            jsonschema_rs.Draft202012Validator({"pattern": expression}, pattern_options=_expression_options())
        except ValueError:
            checked = False
        else:
            checked = True
        self._expressions[expression] = checked
        return checked


def _kind(schema: dict[str, Any]) -> Any:
    """The validator of the schema's draft; of the newest if the draft is not known."""
    import jsonschema_rs

    draft = schema.get("$schema")
    try:
        return jsonschema_rs.validator_cls_for({"$schema": draft} if isinstance(draft, str) else {})
    except (ValueError, jsonschema_rs.ReferencingError):
        return jsonschema_rs.Draft202012Validator


def _expression_options() -> Any:
    import jsonschema_rs

    return jsonschema_rs.RegexOptions(size_limit=EXPRESSION_BYTES_MAX, dfa_size_limit=EXPRESSION_CACHE_BYTES)


def _explainable(node: Any) -> Any:
    """The schema without the keywords whose errors are expensive: they hold an error for each choice, in each of those again."""
    if isinstance(node, list):
        return [_explainable(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key in NAMED_SCHEMAS and key not in _UNEXPLAINED and isinstance(value, dict):
            kept[key] = {name: _explainable(inner) for name, inner in value.items()}
        elif key in ("enum", "const") or (key in ("anyOf", "oneOf") and _is_simple(value)):
            kept[key] = value
        elif key not in _UNEXPLAINED and key not in ("anyOf", "oneOf"):
            kept[key] = _explainable(value)
    return kept


def _is_simple(choices: Any) -> bool:
    """Whether these are few schemas without schemas inside."""
    return (
        isinstance(choices, list)
        and len(choices) <= EXPLAINED_CHOICES_MAX
        and all(isinstance(choice, dict) and _APPLICATORS.isdisjoint(choice) for choice in choices)
    )


def _measure(arguments: dict[str, Any]) -> tuple[int, int]:
    """How many values and how many characters the arguments have; it stops counting above `VALUES_MAX` values."""
    values = chars = 0
    waiting: list[Any] = [arguments]
    while waiting and values <= VALUES_MAX:
        value = waiting.pop()
        values += 1
        if isinstance(value, str):
            chars += len(value)
        elif isinstance(value, dict):
            chars += sum(map(len, value))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return values, chars


def _path(parts: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part[:64]}" for part in parts)


def _short(text: str) -> str:
    return text if len(text) <= ERROR_CHARS_MAX else f"{text[:ERROR_CHARS_MAX]}..."
