"""A server's list of tools in our own terms, read once for all sessions: what a model is told, and what is checked."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from agent.tools.mcp.schemas import Arguments, UnusableSchema, told

if TYPE_CHECKING:
    from mcp.types import Tool

log = logging.getLogger("holdfast.mcp")

DESCRIPTION_CHARS_MAX = 8_000


class ListedTool(msgspec.Struct, frozen=True):
    """One tool of a server. `reads_only` and `deletes` are what its annotations say, believed or not."""

    name: str
    description: str
    parameters: dict[str, object]
    arguments: Arguments
    reads_only: bool
    deletes: bool


def read_tools(server: str, tools: "Iterable[Tool]") -> tuple[ListedTool, ...]:
    """Those that can be used, in order. Checking schemas takes milliseconds each: call it in a thread."""
    found = []
    for tool in tools:
        try:
            found.append(_read(server, tool))
        except (UnusableSchema, RecursionError) as error:
            log.warning("MCP server %s: its tool %a is left out: %s", server, tool.name[:64], error)
    return tuple(found)


def _read(server: str, tool: "Tool") -> ListedTool:
    about = tool.description or tool.title or f"{tool.name} of the MCP server {server}."
    hints = tool.annotations
    return ListedTool(
        name=tool.name,
        description=about[:DESCRIPTION_CHARS_MAX],
        parameters=told(tool.input_schema),
        arguments=Arguments(tool.input_schema),
        reads_only=hints is not None and hints.read_only_hint is True,
        deletes=hints is not None and hints.destructive_hint is True,
    )
