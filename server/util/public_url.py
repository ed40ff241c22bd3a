"""Public URL: where browsers reach the server through a proxy: an origin, and the path below which the server is there. Pure."""

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from server.util.hosts import Origin, parse_origin

PATH_CHARS_MAX: Final = 500
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~@+-]|%[0-9A-Fa-f]{2})+)*/?")
"""What a path may hold without being quoted in a header, a cookie's attribute or a page."""


class PublicUrl(msgspec.Struct, frozen=True):
    """An origin, and a path such as `/agent`, as addresses have it; empty where the server has the whole host."""

    origin: Origin
    path: str = ""

    @property
    def below(self) -> str:
        """The path as a server sees it, decoded (ASGI's `path`)."""
        return unquote(self.path)

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.origin.scheme == "https"

    def __str__(self) -> str:
        """The address, without a slash at its end."""
        return f"{self.origin}{self.path}"


def parse_public_url(text: str) -> PublicUrl | None:
    """`https://name`, `https://name:port` or `https://name/path`; None for anything else."""
    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    origin = parse_origin(f"{scheme}{separator}{authority}")
    path = f"{slash}{path}"
    if origin is None or len(path) > PATH_CHARS_MAX or _PATH.fullmatch(path) is None:
        return None
    names = unquote(path).split("/")
    if not all(map(str.isprintable, names)) or {".", ".."} & set(names) or len(names) != len(path.split("/")):
        return None
    return PublicUrl(origin, path.rstrip("/"))
