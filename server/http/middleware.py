"""The body's door: Host, Origin and credentials of each request and socket, before anything else."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from server.auth.authorization import AccessRules, check_need
from server.auth.principal import Principal
from server.config.settings import Settings
from server.http.proxy_headers import BadForwardedHeader, apply_forwarded_headers
from server.http.security_headers import add_security_headers
from server.transport import admission
from server.util.hosts import DEFAULT_PORTS, Authority, Origin, parse_authority, parse_origin
from server.util.refusal import HTTPRefusal

Headers = Iterable[tuple[bytes, bytes]]
Authenticate = Callable[[Scope], Awaitable[Principal | HTTPRefusal]]

HTTP_SCHEMES = {"ws": "http", "wss": "https"}
HARMLESS = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing."""


def check_host(headers: Headers, allowed: Sequence[str]) -> Authority | HTTPRefusal:
    """The request's Host, if it is a name of this machine or an allowed one.

    A page of another site whose name was turned to 127.0.0.1 (DNS rebinding) is told by its name here.
    """
    values = _values(headers, b"host")
    if len(values) != 1:
        return HTTPRefusal("forbidden", "exactly one Host header is needed")
    host = parse_authority(values[0])
    if host is None:
        return HTTPRefusal("forbidden", "the Host header is no host name")
    if host.loopback or any(_matches(host, parse_authority(entry)) for entry in allowed):
        return host
    return HTTPRefusal("forbidden", f"the Host {host.host!r} is not this server's; allow it in auth.allowed_hosts")


def check_origin(headers: Headers, scheme: str, host: Authority, allowed: Sequence[str]) -> HTTPRefusal | None:
    """Refuse a page of another site. `scheme` is how the browser came.

    Only browsers send an Origin, and always for a socket; without one there is no page to be afraid of.
    """
    values = _values(headers, b"origin")
    if not values:
        return None
    if len(values) > 1:
        return HTTPRefusal("forbidden", "more than one Origin header")
    origin = parse_origin(values[0])
    if origin is None:
        return HTTPRefusal("forbidden", "the Origin is none of a site (`null` comes from files and sandboxed frames)")
    scheme = HTTP_SCHEMES.get(scheme, scheme)
    if origin == Origin(scheme, host.host, host.port or DEFAULT_PORTS.get(scheme, 0)):
        return None
    if any(origin == parse_origin(entry) for entry in allowed):
        return None
    return HTTPRefusal("forbidden", f"pages of {origin} may not use this server; allow them in auth.allowed_origins")


class AccessMiddleware:
    """ASGI middleware over both scopes. Who is let in stands in `scope["state"]["principal"]`.

    It is not there where a route needs nothing (`server/auth/authorization.py`), or nobody, and no good credentials came.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        rules: AccessRules,
        authenticate: Authenticate,
        refused: Callable[[str], None] = lambda code: None,
    ) -> None:
        """`refused` hears the code of each refusal."""
        self._app = app
        self._refused = refused
        self._settings = settings
        self._rules = rules
        self._authenticate = authenticate
        self._proxies = settings.server.networks
        self._public = settings.server.public_origin
        origin = parse_origin(self._public) if self._public else None
        self._hosts = [*settings.auth.allowed_hosts, *([origin.authority] if origin else [])]
        self._origins = [*settings.auth.allowed_origins, *([self._public] if origin else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            scope = apply_forwarded_headers(scope, self._proxies, self._public)
        except BadForwardedHeader as bad:
            self._refused("bad_request")
            await HTTPRefusal("bad_request", str(bad)).send(scope, send)
            return
        send = add_security_headers(send, scope, self._settings.auth.frame_ancestors)
        decision = await self.admit(scope)
        if isinstance(decision, HTTPRefusal):
            self._refused(decision.code)
            await decision.send(scope, send)
            return
        state = scope["state"] = {**scope.get("state", {})}
        if decision is not None:
            state["principal"] = decision
            admission.release_slot(scope)
        await self._app(scope, receive, send)

    async def admit(self, scope: Scope) -> Principal | HTTPRefusal | None:
        """The whole decision about one request or socket; None: nobody, and nobody is needed."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        host = check_host(headers, self._hosts)
        if isinstance(host, HTTPRefusal):
            return host
        refused = check_origin(headers, scope.get("scheme", "http"), host, self._origins)
        if refused is not None:
            return refused
        path = scope["path"]
        if not path.isprintable():
            return HTTPRefusal("bad_request", "the path holds characters that cannot be printed")
        need = self._rules.need_of(path, websocket=scope["type"] == "websocket")
        if need == "nothing":
            return None
        found = await self._authenticate(scope)
        if isinstance(found, HTTPRefusal):
            return None if need == "optional" and found.status == 401 else found
        return check_need(found, need) or check_page(scope, found) or found


def check_page(scope: Scope, principal: Principal) -> HTTPRefusal | None:
    """Refuse what another site's page may have made a browser send with its cookie."""
    if not principal.by_cookie or scope.get("method", "GET") in HARMLESS:
        return None
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    if _values(headers, b"origin") or _values(headers, b"sec-fetch-site") == ["same-origin"]:
        return None
    return HTTPRefusal("forbidden", "with a login cookie this needs the browser's Origin header")


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def _matches(host: Authority, entry: Authority | None) -> bool:
    """An allowed name without a port allows every port."""
    return entry is not None and entry.host == host.host and entry.port in (None, host.port)
