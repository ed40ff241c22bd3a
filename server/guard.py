"""The body's door, second half: Host, Origin and credentials of each request and socket, before anything else."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from server.auth import Principal, Refusal, authenticate, refuse
from server.authority import DEFAULT_PORTS, Authority, Origin, parse_authority, parse_origin
from server.settings import AuthSettings, Settings

Headers = Iterable[tuple[bytes, bytes]]

HTTP_SCHEMES = {"ws": "http", "wss": "https"}


def check_host(headers: Headers, allowed: Sequence[str]) -> Authority | Refusal:
    """The request's Host, if it is a name of this machine or an allowed one.

    A page of another site whose name was turned to 127.0.0.1 (DNS rebinding) is told by its name here.
    """
    values = _values(headers, b"host")
    if len(values) != 1:
        return refuse("forbidden", "exactly one Host header is needed")
    host = parse_authority(values[0])
    if host is None:
        return refuse("forbidden", "the Host header is no host name")
    if host.loopback or any(_matches(host, parse_authority(entry)) for entry in allowed):
        return host
    return refuse("forbidden", f"the Host {host.host!r} is not this server's; allow it in auth.allowed_hosts")


def check_origin(headers: Headers, scheme: str, host: Authority, allowed: Sequence[str]) -> Refusal | None:
    """Refuse a page of another site. `scheme` is the connection's own; what a proxy may say of it is not believed.

    Only browsers send an Origin, and always for a socket; without one there is no page to be afraid of.
    """
    values = _values(headers, b"origin")
    if not values:
        return None
    if len(values) > 1:
        return refuse("forbidden", "more than one Origin header")
    origin = parse_origin(values[0])
    if origin is None:
        return refuse("forbidden", "the Origin is none of a site (`null` comes from files and sandboxed frames)")
    scheme = HTTP_SCHEMES.get(scheme, scheme)
    if origin == Origin(scheme, host.host, host.port or DEFAULT_PORTS.get(scheme, 0)):
        return None
    if any(origin == parse_origin(entry) for entry in allowed):
        return None
    return refuse("forbidden", f"pages of {origin} may not use this server; allow them in auth.allowed_origins")


def admit(scope: Scope, auth: AuthSettings) -> Principal | Refusal:
    """The whole decision about one request or socket."""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    host = check_host(headers, auth.allowed_hosts)
    if isinstance(host, Refusal):
        return host
    refused = check_origin(headers, scope.get("scheme", "http"), host, auth.allowed_origins)
    return refused or authenticate(scope, auth)


class Guard:
    """ASGI middleware over both scopes. Who is let in stands in `scope["state"]["principal"]`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._auth = settings.auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        decision = admit(scope, self._auth)
        if isinstance(decision, Refusal):
            await send_refusal(scope, send, decision)
            return
        scope.setdefault("state", {})["principal"] = decision
        await self._app(scope, receive, send)


async def send_refusal(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer with the refusal as JSON; for a socket this denies the upgrade."""
    websocket = scope["type"] == "websocket"
    if websocket and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
        return
    body = msgspec.json.encode({"code": refusal.code, "message": refusal.message})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    kind = "websocket.http.response" if websocket else "http.response"
    start: dict[str, Any] = {"type": f"{kind}.start", "status": refusal.status, "headers": headers}
    await send(start)
    await send({"type": f"{kind}.body", "body": body})


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def _matches(host: Authority, entry: Authority | None) -> bool:
    """An allowed name without a port allows every port."""
    return entry is not None and entry.host == host.host and entry.port in (None, host.port)
