"""Proxy headers: the client, scheme and Host of a request that came through trusted proxies. Pure."""

from collections.abc import Sequence

from starlette.types import Scope

from server.auth.public_requests import FORWARDED, PLAIN, SECURE
from server.util.hosts import Network, parse_address, trusted

FOR, PROTO, HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"


class BadForwardedHeader(Exception):
    """A header of a trusted proxy is not valid. The message says which."""


def apply_forwarded_headers(scope: Scope, proxies: Sequence[Network]) -> Scope:
    """A copy of `scope` with the client, scheme and Host that the first trusted proxy saw, and no forwarding headers.

    The headers are used only if the peer's address is in `proxies`; the scope's state says if there were any. Raises `BadForwardedHeader`.
    """
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    forwarded = {name: value for name, value in headers if name in (FOR, PROTO, HOST)}
    scope = {**scope, "headers": [pair for pair in headers if pair[0] not in (FOR, PROTO, HOST)]}
    if forwarded:
        scope["state"] = {**scope.get("state", {}), FORWARDED: True}
    client = scope.get("client")
    if client is not None and trusted(str(client[0]), proxies):
        _apply(scope, headers, forwarded, proxies)
    return scope


def _apply(
    scope: Scope, headers: list[tuple[bytes, bytes]], forwarded: dict[bytes, bytes], proxies: Sequence[Network]
) -> None:
    for name in (PROTO, HOST):
        if sum(key == name for key, _ in headers) > 1:
            raise BadForwardedHeader(f"the proxy sent more than one {name.decode()}")
    if PROTO in forwarded:
        proto = _last(forwarded[PROTO]).lower()
        if proto not in ("http", "https", "ws", "wss"):
            raise BadForwardedHeader("the proxy's x-forwarded-proto is neither http nor https")
        scope["scheme"] = _scheme(scope, secure=proto in ("https", "wss"))
    if HOST in forwarded:
        host = _last(forwarded[HOST]).encode("latin-1")
        scope["headers"] = [(b"host", host), *(pair for pair in scope["headers"] if pair[0] != b"host")]
    hops = [part.strip() for key, value in headers if key == FOR for part in value.decode("latin-1").split(",")]
    while hops:
        hop = hops.pop()
        if parse_address(hop) is None:
            raise BadForwardedHeader("the proxy's x-forwarded-for holds no address")
        scope["client"] = (hop, 0)
        if not trusted(hop, proxies):
            return


def _last(value: bytes) -> str:
    """The value of the nearest proxy, where each proxy adds its own."""
    return value.decode("latin-1").rpartition(",")[2].strip()


def _scheme(scope: Scope, *, secure: bool) -> str:
    scheme = str(scope.get("scheme", "http"))
    return (SECURE if secure else PLAIN).get(scheme, scheme)
