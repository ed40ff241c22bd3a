"""Tool listing: reads the tools that an MCP server lists: their schemas for models, and the validation of arguments."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from agent.tools.mcp.messages import LEFT_OUT
from agent.tools.mcp.schemas import UnusableSchema, model_schema
from agent.tools.mcp.settings import McpServer
from agent.tools.mcp.validation import ArgumentsValidator

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

log = logging.getLogger("holdfast.mcp")

DESCRIPTION_CHARS_MAX = 8_000

TOOLS_MAX = 128
"""Tools of one server; the rest are left out. Providers of models accept about as many in one request."""

PAGES_MAX = 32
"""Pages of a list of tools; the tools on further pages are left out."""

LISTED_MAX = 1_000
"""Tools that are looked at, where the entry names those to take."""

DEFINITIONS_BYTES_MAX = 1_048_576
"""The definitions of one server's tools, as models get them; the tools after that are left out. No model reads as much."""

READING_SHARE: Final = 4
"""So many times as long as a tool took to read, the event loop may do other things before the next."""


class ListedTool(msgspec.Struct, frozen=True):
    """One tool of a server. `reads_only`, `deletes`: its annotations, which count only if the server is trusted.

    `definition`: a digest of all that the server says of it. `size`: of what models get, in bytes.
    """

    name: str
    definition: str
    description: str
    parameters: dict[str, object]
    validator: ArgumentsValidator
    reads_only: bool
    deletes: bool
    size: int


async def list_tools(client: "Client", server: str, entry: McpServer) -> "tuple[Tool, ...]":
    """All tools that the entry allows, sorted by name. What is over a bound is left out, and the log says so."""
    if client.server_capabilities.tools is None:
        return ()
    tools: dict[str, Tool] = {}
    cursor: str | None = None
    seen = left_out = 0
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        seen += len(page.tools)
        left_out += int((page.meta or {}).get(LEFT_OUT, 0))
        tools |= {tool.name: tool for tool in page.tools if not entry.tools or tool.name in entry.tools}
        cursor = page.next_cursor
        if cursor is None or len(tools) > TOOLS_MAX or seen > LISTED_MAX:
            break
    if left_out:
        log.warning("MCP server %s: %d of its tools are too large or malformed, and left out", server, left_out)
    if len(tools) > TOOLS_MAX or cursor is not None:
        log.warning("MCP server %s: it has more than %d tools; the rest are left out", server, TOOLS_MAX)
    return tuple(tools[name] for name in sorted(tools)[:TOOLS_MAX])


async def read_tools(server: str, tools: "Sequence[Tool]", known: Sequence[ListedTool] = ()) -> tuple[ListedTool, ...]:
    """The usable tools, in the given order. `known`: those of the list before; the ones that are unchanged are kept.

    A large schema takes some milliseconds: between the tools the event loop does other things.
    """
    before = {tool.definition: tool for tool in known}
    usable: list[ListedTool] = []
    left = DEFINITIONS_BYTES_MAX
    for tool in tools:
        began = time.monotonic()
        definition = definition_of(tool)
        try:
            listed = before.get(definition) or await _read(server, tool, definition)
        except (UnusableSchema, RecursionError) as error:
            log.warning("MCP server %s: its tool %a is left out: %s", server, tool.name[:64], error)
        else:
            left -= listed.size
            if left < 0:
                log.warning("MCP server %s: its tools are larger than %d bytes", server, DEFINITIONS_BYTES_MAX)
                break
            usable.append(listed)
        if definition not in before:
            await asyncio.sleep(READING_SHARE * (time.monotonic() - began))
    return tuple(usable)


def definition_of(tool: "Tool") -> str:
    """A digest of the tool's name, description, schema and annotations: 128 bits, so that no two can be made alike."""
    hints = tool.annotations
    about: Mapping[str, object] = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "schema": tool.input_schema,
        "annotations": hints.model_dump(mode="json") if hints is not None else None,
    }
    return hashlib.sha256(msgspec.json.encode(about, order="deterministic")).hexdigest()[:32]


async def _read(server: str, tool: "Tool", definition: str) -> ListedTool:
    about = (tool.description or tool.title or f"{tool.name} of the MCP server {server}.")[:DESCRIPTION_CHARS_MAX]
    hints = tool.annotations
    parameters = model_schema(tool.input_schema)
    await asyncio.sleep(0)
    return ListedTool(
        name=tool.name,
        definition=definition,
        description=about,
        parameters=parameters,
        validator=ArgumentsValidator(tool.input_schema),
        reads_only=hints is not None and hints.read_only_hint is True,
        deletes=hints is not None and hints.destructive_hint is True,
        size=len(about) + len(msgspec.json.encode(parameters)),
    )


LISTING_PAUSE_S = 1.0
LISTING_PAUSE_MAX_S = 10.0
"""The pause after a listing that a server asked for, and the longest: it doubles while the server keeps asking."""


class ListingPace:
    """When the tools are listed again: soon after the first change, and more and more rarely while changes keep coming."""

    def __init__(self) -> None:
        self._pause_s = LISTING_PAUSE_S
        self._next_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """How long to wait, at this time in seconds, before the tools are listed."""
        return max(0.0, self._next_s - now_s)

    def listed(self, now_s: float) -> None:
        """The tools were listed at this time because the server asked for it."""
        quiet = now_s > self._next_s + LISTING_PAUSE_MAX_S
        self._pause_s = LISTING_PAUSE_S if quiet else min(2 * self._pause_s, LISTING_PAUSE_MAX_S)
        self._next_s = now_s + self._pause_s
