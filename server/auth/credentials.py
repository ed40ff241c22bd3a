"""Credentials: parsing of the token or cookie of a request, and the attributes of the cookies that are set. Pure."""

import re
from collections.abc import Iterable, Sequence

import msgspec
from starlette.types import Scope

from server.auth.public_requests import is_public
from server.config.settings import Settings
from server.util.hosts import Authority, parse_authority

MAX_TOKEN_CHARS = 8_192

Headers = Iterable[tuple[bytes, bytes]]

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[\x21-\x7e]+)")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Credentials(msgspec.Struct, frozen=True):
    """A token, or a login's cookie, or neither. `fault`: why the header or cookie is not valid."""

    token: str | None = None
    cookie: str | None = None
    fault: str | None = None


def parse_credentials(headers: Headers, cookie_names: Sequence[str]) -> Credentials:
    """The credentials in the headers. If there is a token, the cookie is not read, even if the token is wrong.

    `cookie_names`: of these the first that is there counts.
    """
    headers = list(headers)
    authorization = [value.decode("latin-1").strip() for name, value in headers if name == b"authorization"]
    cookies = next(filter(None, (read_cookies(headers, name) for name in cookie_names)), [])
    if len(authorization) > 1:
        return Credentials(fault="more than one Authorization header")
    if authorization:
        match = _BEARER.fullmatch(authorization[0])
        if match is None or len(match["token"]) > MAX_TOKEN_CHARS:
            return Credentials(fault="the Authorization header must be `Bearer TOKEN`")
        return Credentials(token=match["token"])
    if len(set(cookies)) > 1:
        return Credentials(fault="the login cookie is there twice; delete this site's cookies")
    if cookies and _COOKIE_VALUE.fullmatch(cookies[0]):
        return Credentials(cookie=cookies[0])
    return Credentials(fault="the login cookie is not one of this server's" if cookies else None)


def read_cookies(headers: Headers, cookie_name: str) -> list[str]:
    """The values of the cookies of this name."""
    parts = [part for name, value in headers if name == b"cookie" for part in value.decode("latin-1").split(";")]
    pairs = (part.strip().partition("=") for part in parts)
    return [value for name, _, value in pairs if name == cookie_name]


LOGIN_COOKIE = "holdfast"
GUEST_COOKIE = "holdfast-guest"
"""Holds a link's secret, beside the login's cookie: who has both has the rights of both."""


class CookieStyle(msgspec.Struct, frozen=True):
    """The name and attributes of a cookie. Cookies ignore ports, so over unencrypted loopback the name includes the port."""

    name: str
    attributes: str

    def set(self, value: str, max_age_s: float) -> str:
        """A `Set-Cookie` header's value."""
        return f"{self.name}={value}; Max-Age={int(max_age_s)}; {self.attributes}"

    def clear(self) -> str:
        """A `Set-Cookie` header's value that deletes the cookie."""
        return f"{self.name}=; Max-Age=0; {self.attributes}"


def cookie_style(
    scope: Scope, settings: Settings, name: str = LOGIN_COOKIE, *, public: bool | None = None
) -> CookieStyle:
    """For the request in `scope`, as the access middleware passes it on. Only on loopback is a cookie sent unencrypted.

    `public`: for a browser at the public URL, if there is one; by default if the request was made there.
    """
    at = settings.server.public if (is_public(scope) if public is None else public) else None
    host = host_of(scope) if at is None else parse_authority(at.origin.authority)
    https = scope.get("scheme") in ("https", "wss") if at is None else at.secure
    path = "/" if at is None else f"{at.path}/"
    secure = https or host is None or not host.loopback
    same_site = settings.auth.same_site
    if same_site == "auto":
        same_site = "none" if settings.server.space_host else "lax"
    if (same_site == "none" and not secure) or (same_site == "strict" and settings.auth.mode == "oauth"):
        same_site = "lax"  # a strict cookie is not sent when the provider redirects the browser back
    attributes = f"Path={path}; HttpOnly; SameSite={same_site.capitalize()}"
    if secure:
        partitioned = "; Partitioned" if same_site == "none" else ""
        prefix = "__Host-" if path == "/" else "__Secure-"  # the first is only for cookies of the whole host
        return CookieStyle(f"{prefix}{name}", f"{attributes}; Secure{partitioned}")
    port = f"-{host.port}" if host is not None and host.port else ""
    return CookieStyle(f"{name}{port}", attributes)


def cookie_names(scope: Scope, settings: Settings, name: str = LOGIN_COOKIE) -> list[str]:
    """The names under which the browser of this request may have the cookie.

    A browser sends no Origin where it only reads, so behind a proxy that writes the Host anew nothing tells how it came.
    """
    styles = [cookie_style(scope, settings, name), cookie_style(scope, settings, name, public=True)]
    return list(dict.fromkeys(style.name for style in styles))


def host_of(scope: Scope) -> Authority | None:
    """The request's Host, which the access middleware has checked."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return parse_authority(hosts[0].decode("latin-1").strip()) if hosts else None
