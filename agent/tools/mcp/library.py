"""Library: the prompts and resources that an MCP server lists, bounded, and kept for some seconds.

https://modelcontextprotocol.io/specification/2025-11-25/server has both. They are asked for when somebody looks at them, not before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from mcp import Client

FRESH_S: Final = 5.0
"""How long a list is used again: a page that shows it asks more often."""

ITEMS_MAX: Final = 200
"""Prompts of one server that are shown, and as many resources and templates."""

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


class ResourceTemplate(msgspec.Struct, frozen=True):
    """A template of resources of a server (RFC 6570), and the values that make a resource's URI of it."""

    uri_template: str
    title: str
    description: str
    mime_type: str
    arguments: tuple[PromptArgument, ...]


class ServerLibrary(msgspec.Struct, frozen=True):
    """What one server offers to users. `reason`: why it is not all, or empty."""

    server: str
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()
    reason: str = ""
    templates: tuple[ResourceTemplate, ...] = ()


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
    templates: list[Any] = []
    capabilities = client.server_capabilities
    if capabilities.prompts is not None:
        prompts = await _pages(client.list_prompts, "prompts")
    if capabilities.resources is not None:
        resources = await _pages(client.list_resources, "resources")
        templates = await _templates(client)
    usable = tuple(made for one in prompts if (made := _prompt(one)) is not None)[:ITEMS_MAX]
    readable = tuple(read for one in resources if (read := _resource(one)) is not None)[:ITEMS_MAX]
    fillable = tuple(filled for one in templates if (filled := _template(one)) is not None)[:ITEMS_MAX]
    left_out = sum(map(len, (prompts, resources, templates))) - sum(map(len, (usable, readable, fillable)))
    reason = f"{left_out} of its prompts and resources are left out: too many, or too long" if left_out else ""
    return ServerLibrary(server, usable, readable, reason, fillable)


async def _templates(client: "Client") -> list[Any]:
    """The templates of resources; none of a server that does not know the request."""
    from mcp import MCPError
    from mcp.types import METHOD_NOT_FOUND

    try:
        return await _pages(client.list_resource_templates, "resource_templates")
    except MCPError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        return []


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


def _template(given: Any) -> ResourceTemplate | None:
    """The template; None if it is not one that can be filled in."""
    from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

    try:
        parsed = UriTemplate.parse(given.uri_template, max_length=URI_CHARS_MAX, max_variables=ARGUMENTS_MAX)
    except InvalidUriTemplate:
        return None
    names = parsed.variable_names
    if not names or not all(0 < len(name) <= NAME_CHARS_MAX for name in names):
        return None
    asked = (PromptArgument(name, name, "", name not in parsed.query_variable_names) for name in names)
    title = _about(given.title) or _about(given.name) or parsed.template
    return ResourceTemplate(parsed.template, title, _about(given.description), _about(given.mime_type), tuple(asked))


def filled_in(template: ResourceTemplate, values: Mapping[str, str]) -> str:
    """The URI of the resource that the template and these values name."""
    from mcp.shared.uri_template import UriTemplate

    return UriTemplate.parse(template.uri_template).expand(values)


def fits(template: ResourceTemplate, uri: str) -> bool:
    """Whether some values make this URI of the template. Takes linear time."""
    from mcp.shared.uri_template import UriTemplate

    return UriTemplate.parse(template.uri_template).match(uri) is not None


def _about(text: str | None) -> str:
    return (text or "")[:ABOUT_CHARS_MAX]
