"""The body's door: the credentials that a request carries, taken out of its headers. Never out of its URL. Pure."""

import re
from collections.abc import Iterable

import msgspec

MAX_TOKEN_CHARS = 8_192

Headers = Iterable[tuple[bytes, bytes]]

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[\x21-\x7e]+)")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Presented(msgspec.Struct, frozen=True):
    """A token, or a login's cookie, or none; `fault` says what cannot be understood."""

    token: str | None = None
    cookie: str | None = None
    fault: str | None = None


def read_credentials(headers: Headers, cookie_name: str) -> Presented:
    """What the request brings. A token comes before a cookie: a wrong token is not saved by a good cookie."""
    headers = list(headers)
    authorization = [value.decode("latin-1").strip() for name, value in headers if name == b"authorization"]
    cookies = read_cookies(headers, cookie_name)
    if len(authorization) > 1:
        return Presented(fault="more than one Authorization header")
    if authorization:
        found = _BEARER.fullmatch(authorization[0])
        if found is None or len(found["token"]) > MAX_TOKEN_CHARS:
            return Presented(fault="the Authorization header must be `Bearer TOKEN`")
        return Presented(token=found["token"])
    if len(set(cookies)) > 1:
        return Presented(fault="the login cookie is there twice; delete this site's cookies")
    if cookies and _COOKIE_VALUE.fullmatch(cookies[0]):
        return Presented(cookie=cookies[0])
    return Presented(fault="the login cookie is not one of this server's" if cookies else None)


def read_cookies(headers: Headers, wanted: str) -> list[str]:
    """The values of the cookies of this name."""
    parts = [part for name, value in headers if name == b"cookie" for part in value.decode("latin-1").split(";")]
    pairs = (part.strip().partition("=") for part in parts)
    return [value for name, _, value in pairs if name == wanted]
