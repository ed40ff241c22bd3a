"""The body's door: the cookie that a login leaves in a browser. Pure."""

import msgspec
from starlette.types import Scope

from server.config.settings import Settings
from server.util.hosts import Authority, parse_authority

NAME = "holdfast"
GUEST = "holdfast-guest"
"""Holds a link's secret, beside a login: who has both is both."""


class Style(msgspec.Struct, frozen=True):
    """How cookies are set on the way a request came. Cookies do not know ports: on plain loopback the name says it."""

    name: str
    attributes: str

    def set(self, value: str, max_age_s: float) -> str:
        """A `Set-Cookie` header's value."""
        return f"{self.name}={value}; Max-Age={int(max_age_s)}; {self.attributes}"

    def clear(self) -> str:
        """The same that takes the cookie away."""
        return f"{self.name}=; Max-Age=0; {self.attributes}"


def style(scope: Scope, settings: Settings, name: str = NAME) -> Style:
    """For the request in `scope`, as the guard hands it on. Only on this machine may a cookie travel unencrypted."""
    host = host_of(scope)
    secure = scope.get("scheme") in ("https", "wss") or host is None or not host.loopback
    same_site = settings.auth.same_site
    if same_site == "auto":
        same_site = "none" if settings.server.space_host else "lax"
    if (same_site == "none" and not secure) or (same_site == "strict" and settings.auth.mode == "oauth"):
        same_site = "lax"  # a strict one would not come along on the way back from the provider
    attributes = f"Path=/; HttpOnly; SameSite={same_site.capitalize()}"
    if secure:
        partitioned = "; Partitioned" if same_site == "none" else ""
        return Style(f"__Host-{name}", f"{attributes}; Secure{partitioned}")
    port = f"-{host.port}" if host is not None and host.port else ""
    return Style(f"{name}{port}", attributes)


def host_of(scope: Scope) -> Authority | None:
    """The request's Host, which the guard has checked."""
    found = [value for name, value in scope["headers"] if name == b"host"]
    return parse_authority(found[0].decode("latin-1").strip()) if found else None
