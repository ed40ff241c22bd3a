"""Tool listing: reads the tools that an MCP server lists: their schemas for models, and the validation of arguments."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from agent.tools.mcp.schemas import UnusableSchema, model_schema
from agent.tools.mcp.validation import ArgumentsValidator

if TYPE_CHECKING:
    from mcp.types import Tool

log = logging.getLogger("holdfast.mcp")

DESCRIPTION_CHARS_MAX = 8_000


class ListedTool(msgspec.Struct, frozen=True):
    """One tool of a server. `reads_only`, `deletes`: its annotations, which count only if the server is trusted."""

    name: str
    description: str
    parameters: dict[str, object]
    validator: ArgumentsValidator
    reads_only: bool
    deletes: bool


def read_tools(server: str, tools: "Iterable[Tool]") -> tuple[ListedTool, ...]:
    """The usable tools, in the given order. Checking a schema takes milliseconds: call it in a thread."""
    usable = []
    for tool in tools:
        try:
            usable.append(_read(server, tool))
        except (UnusableSchema, RecursionError) as error:
            log.warning("MCP server %s: its tool %a is left out: %s", server, tool.name[:64], error)
    return tuple(usable)


def _read(server: str, tool: "Tool") -> ListedTool:
    about = tool.description or tool.title or f"{tool.name} of the MCP server {server}."
    hints = tool.annotations
    return ListedTool(
        name=tool.name,
        description=about[:DESCRIPTION_CHARS_MAX],
        parameters=model_schema(tool.input_schema),
        validator=ArgumentsValidator(tool.input_schema),
        reads_only=hints is not None and hints.read_only_hint is True,
        deletes=hints is not None and hints.destructive_hint is True,
    )
