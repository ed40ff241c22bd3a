"""Tool listing: reads the tools that an MCP server lists: their schemas for models, and the validation of arguments."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from agent.tools.mcp.incoming.messages import LEFT_OUT, LEFT_OUT_MAX, LEFT_OUT_NAME_CHARS_MAX
from agent.tools.mcp.schemas.flat import UnusableSchema, model_schema
from agent.tools.mcp.schemas.validation import ArgumentsValidator
from agent.tools.mcp.settings import McpServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

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


class LeftOut(msgspec.Struct, frozen=True):
    """A tool that the server lists and models do not get. `name` may be shortened; `reason`: why, for users."""

    name: str
    reason: str


class Listing(msgspec.Struct, frozen=True):
    """What a server lists: the tools in the order of their names, and what is left out."""

    tools: "tuple[Tool, ...]" = ()
    left_out: tuple[LeftOut, ...] = ()


class UsableTools(msgspec.Struct, frozen=True):
    """The tools of a server as sessions use them, and what is left out."""

    tools: tuple[ListedTool, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


async def list_tools(client: "Client", entry: McpServer) -> Listing:
    """All tools that the entry allows, sorted by name, and those that cannot be used or are over a bound."""
    if client.server_capabilities.tools is None:
        return Listing()
    tools: dict[str, Tool] = {}
    left_out: dict[str, str] = {}
    cursor: str | None = None
    seen = 0
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        seen += len(page.tools)
        left_out |= dict((page.meta or {}).get(LEFT_OUT, []))
        tools |= {tool.name: tool for tool in page.tools}
        if not page.next_cursor or page.next_cursor == cursor:  # some servers never stop to give the same one
            break
        cursor = page.next_cursor
        if seen > LISTED_MAX:
            left_out["..."] = f"it lists more than {LISTED_MAX} tools"
            break
    else:
        left_out["..."] = f"it lists its tools on more than {PAGES_MAX} pages"
    if entry.tools:
        tools = {name: tool for name, tool in tools.items() if name in entry.tools}
        left_out = {name: reason for name, reason in left_out.items() if name in entry.tools}
    names = sorted(tools)
    left_out |= dict.fromkeys(names[TOOLS_MAX:], f"the server has more than {TOOLS_MAX} tools")
    return Listing(tuple(tools[name] for name in names[:TOOLS_MAX]), briefly(left_out))


def briefly(left_out: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """The first of the tools that are left out."""
    named = [LeftOut(name[:LEFT_OUT_NAME_CHARS_MAX], reason) for name, reason in left_out.items()]
    if len(named) <= LEFT_OUT_MAX:
        return tuple(named)
    return (*named[:LEFT_OUT_MAX], LeftOut("...", f"{len(named) - LEFT_OUT_MAX} more tools are left out"))


async def read_tools(listing: Listing, known: Sequence[ListedTool] = ()) -> UsableTools:
    """The usable tools, in the given order. `known`: those of the list before; the ones that are unchanged are kept.

    A large schema takes some milliseconds: between the tools the event loop does other things.
    """
    before = {tool.definition: tool for tool in known}
    usable: list[ListedTool] = []
    left_out = {one.name: one.reason for one in listing.left_out}
    left = DEFINITIONS_BYTES_MAX
    for tool in listing.tools:
        began = time.monotonic()
        definition = definition_of(tool)
        try:
            listed = before.get(definition) or await _read(tool, definition)
        except (UnusableSchema, RecursionError) as error:
            left_out[tool.name] = str(error)
        else:
            left -= listed.size
            if left >= 0:
                usable.append(listed)
            else:
                left_out[tool.name] = f"the tools of the server are larger than {DEFINITIONS_BYTES_MAX} bytes"
        if definition not in before:
            await asyncio.sleep(READING_SHARE * (time.monotonic() - began))
    return UsableTools(tuple(usable), briefly(left_out))


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


async def _read(tool: "Tool", definition: str) -> ListedTool:
    about = (tool.description or tool.title or f"{tool.name} of an MCP server.")[:DESCRIPTION_CHARS_MAX]
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
