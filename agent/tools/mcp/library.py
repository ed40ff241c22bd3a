"""Library: the prompts and resources that an MCP server lists, bounded, and kept for some seconds.

https://modelcontextprotocol.io/specification/2025-11-25/server has both. They are asked for when somebody looks at them, not before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from mcp import Client

FRESH_S: Final = 5.0
"""How long a list is used again: a page that shows it asks more often."""

ITEMS_MAX: Final = 200
"""Prompts of one server that are shown, and as many resources."""

PAGES_MAX: Final = 8
ARGUMENTS_MAX: Final = 32
NAME_CHARS_MAX: Final = 200
URI_CHARS_MAX: Final = 2_000
ABOUT_CHARS_MAX: Final = 500


class PromptArgument(msgspec.Struct, frozen=True):
    """A value that a prompt takes, as text."""

    name: str
    label: str
    description: str
    required: bool


class Prompt(msgspec.Struct, frozen=True):
    """A prompt of a server."""

    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...]


class Resource(msgspec.Struct, frozen=True):
    """A resource of a server."""

    uri: str
    title: str
    description: str
    mime_type: str


class ServerLibrary(msgspec.Struct, frozen=True):
    """What one server offers to users. `reason`: why it is not all, or empty."""

    server: str
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()
    reason: str = ""


class LibraryCache:
    """The library of one connection. Many who ask at the same time share one answer."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._library = ServerLibrary("")
        self._version, self._until_s = -1, 0.0

    async def get(self, version: int, ask: Callable[[], Awaitable[ServerLibrary]]) -> ServerLibrary:
        """What `ask` answers, or answered in the last seconds for the same version of the connection."""
        async with self._lock:
            if self._version != version or time.monotonic() >= self._until_s:
                self._library = await ask()
                self._version, self._until_s = version, time.monotonic() + FRESH_S
            return self._library


async def list_library(server: str, client: "Client") -> ServerLibrary:
    """All that the server offers, up to the bounds. Raises what the library raises."""
    prompts: list[Any] = []
    resources: list[Any] = []
    capabilities = client.server_capabilities
    if capabilities.prompts is not None:
        prompts = await _pages(client.list_prompts, "prompts")
    if capabilities.resources is not None:
        resources = await _pages(client.list_resources, "resources")
    usable = [made for one in prompts if (made := _prompt(one)) is not None]
    readable = [read for one in resources if (read := _resource(one)) is not None]
    left_out = len(prompts) + len(resources) - len(usable[:ITEMS_MAX]) - len(readable[:ITEMS_MAX])
    reason = f"{left_out} of its prompts and resources are left out: too many, or too long" if left_out else ""
    return ServerLibrary(server, tuple(usable[:ITEMS_MAX]), tuple(readable[:ITEMS_MAX]), reason)


async def _pages(ask: Callable[..., Awaitable[Any]], key: str) -> list[Any]:
    listed: list[Any] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await ask(cursor=cursor)
        listed += getattr(page, key)
        if not page.next_cursor or page.next_cursor == cursor or len(listed) > ITEMS_MAX:
            break
        cursor = page.next_cursor
    return listed


def _prompt(given: Any) -> Prompt | None:
    """The prompt; None if it has more arguments, or longer names, than can be asked for."""
    arguments = given.arguments or []
    names = [given.name, *(one.name for one in arguments)]
    if len(arguments) > ARGUMENTS_MAX or not all(0 < len(name) <= NAME_CHARS_MAX for name in names):
        return None
    asked = (
        PromptArgument(one.name, _about(one.title) or one.name, _about(one.description), one.required is True)
        for one in arguments
    )
    return Prompt(given.name, _about(given.title) or given.name, _about(given.description), tuple(asked))


def _resource(given: Any) -> Resource | None:
    uri = str(given.uri)
    if not 0 < len(uri) <= URI_CHARS_MAX:
        return None
    title = _about(given.title) or _about(given.name) or uri
    return Resource(uri, title, _about(given.description), _about(given.mime_type))


def _about(text: str | None) -> str:
    return (text or "")[:ABOUT_CHARS_MAX]
