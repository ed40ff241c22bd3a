"""The secrets in an MCP server's entry: what its headers, environment, arguments and url hold of them. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from agent.tools.mcp.settings import McpServer

_SECRET = re.compile(r"key|token|secret|passw|credential|auth|cookie", re.IGNORECASE)
_PLACE = re.compile(r"[_-](file|path|dir)$", re.IGNORECASE)


def entry_secrets(entry: McpServer) -> Iterator[tuple[str, str]]:
    """Each by the name that it has there, and its value. By their names, as `Authorization`, `API_KEY` or `--token`."""
    for name, value in [*entry.env.items(), *entry.headers.items()]:
        if _telling(name):
            yield name, value
            scheme, space, credentials = value.partition(" ")
            if space and scheme.isalpha():
                yield name, credentials
    for at, argument in enumerate(entry.args):
        name, equals, value = argument.partition("=")
        if argument.startswith("-") and _telling(name):
            following = entry.args[at + 1] if at + 1 < len(entry.args) else ""
            yield name, value if equals else following
    if entry.url:
        parts = urlsplit(entry.url)
        yield "the password of its url", parts.password or ""
        yield from ((name, value) for name, value in parse_qsl(parts.query) if _telling(name))


def _telling(name: str) -> bool:
    return _SECRET.search(name) is not None and _PLACE.search(name) is None
