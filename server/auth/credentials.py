"""The body's door: the cookie that a login leaves in a browser. Pure."""

import re
from collections.abc import Iterable

import msgspec
from starlette.types import Scope

from server.config.settings import Settings
from server.util.hosts import Authority, parse_authority

MAX_TOKEN_CHARS = 8_192

Headers = Iterable[tuple[bytes, bytes]]

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[\x21-\x7e]+)")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Credentials(msgspec.Struct, frozen=True):
    """A token, or a login's cookie, or none; `fault` says what cannot be understood."""

    token: str | None = None
    cookie: str | None = None
    fault: str | None = None


def parse_credentials(headers: Headers, cookie_name: str) -> Credentials:
    """What the request brings. A token comes before a cookie: a wrong token is not saved by a good cookie."""
    headers = list(headers)
    authorization = [value.decode("latin-1").strip() for name, value in headers if name == b"authorization"]
    cookies = read_cookies(headers, cookie_name)
    if len(authorization) > 1:
        return Credentials(fault="more than one Authorization header")
    if authorization:
        found = _BEARER.fullmatch(authorization[0])
        if found is None or len(found["token"]) > MAX_TOKEN_CHARS:
            return Credentials(fault="the Authorization header must be `Bearer TOKEN`")
        return Credentials(token=found["token"])
    if len(set(cookies)) > 1:
        return Credentials(fault="the login cookie is there twice; delete this site's cookies")
    if cookies and _COOKIE_VALUE.fullmatch(cookies[0]):
        return Credentials(cookie=cookies[0])
    return Credentials(fault="the login cookie is not one of this server's" if cookies else None)


def read_cookies(headers: Headers, wanted: str) -> list[str]:
    """The values of the cookies of this name."""
    parts = [part for name, value in headers if name == b"cookie" for part in value.decode("latin-1").split(";")]
    pairs = (part.strip().partition("=") for part in parts)
    return [value for name, _, value in pairs if name == wanted]


LOGIN_COOKIE = "holdfast"
GUEST_COOKIE = "holdfast-guest"
"""Holds a link's secret, beside the login's cookie: who has both has the rights of both."""


class CookieStyle(msgspec.Struct, frozen=True):
    """How cookies are set on the way a request came. Cookies do not know ports: on plain loopback the name says it."""

    name: str
    attributes: str

    def set(self, value: str, max_age_s: float) -> str:
        """A `Set-Cookie` header's value."""
        return f"{self.name}={value}; Max-Age={int(max_age_s)}; {self.attributes}"

    def clear(self) -> str:
        """The same that takes the cookie away."""
        return f"{self.name}=; Max-Age=0; {self.attributes}"


def cookie_style(scope: Scope, settings: Settings, name: str = LOGIN_COOKIE) -> CookieStyle:
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
        return CookieStyle(f"__Host-{name}", f"{attributes}; Secure{partitioned}")
    port = f"-{host.port}" if host is not None and host.port else ""
    return CookieStyle(f"{name}{port}", attributes)


def host_of(scope: Scope) -> Authority | None:
    """The request's Host, which the guard has checked."""
    found = [value for name, value in scope["headers"] if name == b"host"]
    return parse_authority(found[0].decode("latin-1").strip()) if found else None
