"""MCP defaults: fills in the arguments that a schema requires and has a default for. Pure.

Many servers are written with libraries that list an argument with a default as required. They take calls without it, and
models leave it out. What is filled in is part of the tool's definition, which was shown when the call was approved.
"""

from collections.abc import Mapping
from typing import Any, Final

STEPS_MAX: Final = 10_000
"""Names and values that are looked at in one call, some milliseconds; defaults of those after that are not filled in."""


def with_defaults(schema: Mapping[str, Any], arguments: dict[str, object]) -> dict[str, object]:
    """The arguments with the defaults of required ones that are missing. `schema` has no references."""
    return _Filler().filled(schema, arguments)


class _Filler:
    """The filling of one call's arguments."""

    def __init__(self) -> None:
        self._left = STEPS_MAX

    def filled(self, schema: Mapping[str, Any], value: dict[str, Any]) -> dict[str, Any]:
        """A copy of the object with its defaults."""
        properties, required = schema.get("properties"), schema.get("required")
        if not isinstance(properties, dict):
            return value
        present = {name: self._value(properties.get(name), inner) for name, inner in value.items()}
        if not isinstance(required, list):
            return present
        self._left -= len(required)
        if self._left < 0:
            return present
        missing: dict[str, Any] = {}
        for name in required:
            about = properties.get(name) if isinstance(name, str) and name not in present else None
            if isinstance(about, dict) and "default" in about:
                missing[name] = about["default"]
        return {**present, **missing}

    def _value(self, schema: Any, value: Any) -> Any:
        self._left -= 1
        if self._left < 0 or not isinstance(schema, dict):
            return value
        if isinstance(value, dict):
            return self.filled(schema, value)
        if isinstance(value, list):
            return [self._value(schema.get("items"), item) for item in value]
        return value
