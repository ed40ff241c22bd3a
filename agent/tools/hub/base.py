"""Base of the Hugging Face tools: holds the Hub client, and checks which arguments an operation takes."""

from typing import Generic, TypeVar

import msgspec

from agent.hub.client import HubClient
from agent.tools.base import StructTool

A = TypeVar("A", bound=msgspec.Struct)


VIEW_CHARS_MAX = 40_000
"""Longest piece of a file or listing that one call shows: about 10,000 tokens, below `turn.tool_output_max_tokens`."""

LISTED_MAX = 200
"""Most files, branches, jobs or such in one list: more would not fit into what one call shows."""


class HubTool(StructTool[A], Generic[A]):
    """Base of the tools that call the Hub."""

    __slots__ = ("_hub",)

    def __init__(self, hub: HubClient) -> None:
        self._hub = hub


def argument_error(
    arguments: msgspec.Struct, operation: str, needed: tuple[str, ...], allowed: tuple[str, ...]
) -> str | None:
    """The error for an argument that `operation` needs and was not given, or was given and does not take; None if none.

    An argument counts as given if it differs from the Struct's default. The text has the form of msgspec's own errors.
    """
    given = {f.name for f in msgspec.structs.fields(arguments) if getattr(arguments, f.name) != _default(f)}
    for name in needed:
        if name not in given:
            return f"Operation `{operation}` needs `{name}` - at `$.{name}`"
    for name in sorted(given - {"operation", *needed, *allowed}):
        return f"Operation `{operation}` takes no `{name}` - at `$.{name}`"
    return None


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
