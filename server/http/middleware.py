"""Access middleware: checks Host and Origin and authenticates each request and websocket, before anything else."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.util.text import is_clean
from server.auth.authorization import AccessRules, Rule, check_need
from server.auth.credentials import parse_credentials
from server.auth.principal import Principal
from server.auth.public_requests import below, recognized
from server.auth.query_tokens import with_query_token
from server.auth.tickets import ticket_of
from server.config.settings import Settings
from server.http.advice import Advice, foreign_host, foreign_origin
from server.http.proxy_headers import BadForwardedHeader, apply_forwarded_headers
from server.http.security_headers import add_security_headers
from server.transport import admission, fair_starts
from server.util.hosts import DEFAULT_PORTS, Authority, Origin, host_readings, parse_authority, parse_origin
from server.util.refusal import HTTPRefusal

Headers = Iterable[tuple[bytes, bytes]]
Authenticate = Callable[[Scope], Awaitable[Principal | HTTPRefusal]]

HTTP_SCHEMES = {"ws": "http", "wss": "https"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing (RFC 9110, 9.2.1)."""
PROGRAMS = "a program sets none, or sends its token in `Authorization: Bearer`"
"""What a program whose library sets an Origin can do."""


def check_host(headers: Headers, allowed: Sequence[str]) -> Authority | HTTPRefusal:
    """The request's Host, if it names this machine by loopback or is an allowed one, else the refusal.

    This stops DNS rebinding: pages of another site whose name was made to resolve to 127.0.0.1.
    """
    values = _values(headers, b"host")
    if len(values) != 1:
        return HTTPRefusal("forbidden", "the request must have exactly one Host header: the server's name and port")
    readings = host_readings(values[0])
    if not readings:
        message = "the Host header is not a host name; set it to the server's `name:port`, or `[address]:port` for IPv6"
        return HTTPRefusal("forbidden", message)
    for host in readings:
        if host.loopback or any(_matches(host, parse_authority(entry)) for entry in allowed):
            return host
    return foreign_host(readings[0], headers)


def check_origin(
    headers: Headers, scheme: str, host: Authority, allowed: Sequence[str], *, ticket: bool = False
) -> HTTPRefusal | None:
    """The refusal of a page of another site, or None. `scheme`: of the request.

    Browsers always send one for a websocket; without one the request is not from a page. Some programs send one too. A
    websocket with a bearer token is not from a page, which can set no header of it, so its Origin is not judged. With a `ticket`,
    which is then the only credential that counts, it may be that of no site: an editor's webview, a file. A browser
    sends `Authorization: Basic` for an address with a user in it: that proves nothing.
    """
    values = _values(headers, b"origin")
    if not values or (scheme in HTTP_SCHEMES and parse_credentials(headers, ()).token is not None):
        return None
    if len(values) > 1:
        return HTTPRefusal("forbidden", f"the request has more than one Origin header; {PROGRAMS}")
    origin = parse_origin(values[0])
    if origin is None and ticket:
        return None
    if origin is None:
        message = f"the Origin is not that of a site (files and sandboxed frames send `null`); {PROGRAMS}"
        return HTTPRefusal("forbidden", message)
    scheme = HTTP_SCHEMES.get(scheme, scheme)
    if origin == Origin(scheme, host.host, host.port or DEFAULT_PORTS.get(scheme, 0)):
        return None
    if any(origin == parse_origin(entry) for entry in allowed):
        return None
    return foreign_origin(origin)


class AccessMiddleware:
    """ASGI middleware for HTTP and websockets. It puts the caller into `scope["state"]["principal"]`.

    Nothing is there for a path that needs nothing, or for one where credentials are optional and none were valid.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        rules: AccessRules,
        authenticate: Authenticate,
        refused: Callable[[str], None] = lambda code: None,
    ) -> None:
        """`rules`: what each path needs. `refused`: called with the code of each refusal."""
        self._app = app
        self._refused = refused
        self._settings = settings
        self._rules = rules
        self._authenticate = authenticate
        self._proxies = settings.server.networks
        self._public = settings.server.public
        self._advice = Advice(self._proxies)
        own = [] if self._public is None else [self._public.origin]
        self._hosts = [*settings.auth.allowed_hosts, *(origin.authority for origin in own)]
        self._origins = [*settings.auth.allowed_origins, *map(str, own)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        self._advice.came(scope)
        try:
            scope = recognized(apply_forwarded_headers(scope, self._proxies), self._public)
        except BadForwardedHeader as error:
            self._refused("bad_request")
            await HTTPRefusal("bad_request", str(error)).send(scope, send)
            return
        # A browser takes HSTS only from what came by TLS (RFC 6797, section 8.1), so none is misled where it did not.
        secure = scope.get("scheme") in ("https", "wss") or (self._public is not None and self._public.secure)
        send = add_security_headers(send, self._settings.auth.frame_ancestors, secure=secure)
        if self._public is not None and scope["path"] == self._public.below and scope["type"] == "http":
            # The page's addresses are relative to the folder that it is in.
            await RedirectResponse(f"{self._public.path}/", 308)(scope, receive, send)
            return
        scope = below(scope, self._public)
        decision = await self.authorize(scope)
        if isinstance(decision, HTTPRefusal):
            self._refused(decision.code)
            await decision.send(scope, send)
            return
        state = scope["state"] = {**scope.get("state", {})}
        if decision is not None:
            state["principal"] = decision
            admission.release_slot(scope)
            fair_starts.note_checked(scope, turns_of(decision))
        await self._app(scope, receive, send)

    async def authorize(self, scope: Scope) -> Principal | HTTPRefusal | None:
        """The caller, or the refusal; None if there is no caller and none is needed."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        host = check_host(headers, self._hosts)
        if isinstance(host, HTTPRefusal):
            self._advice.refused(host)
            return host
        ticket = ticket_of(scope) is not None
        refused = check_origin(headers, scope.get("scheme", "http"), host, self._origins, ticket=ticket)
        if refused is not None:
            self._advice.refused(refused)
            return refused
        path = scope["path"]
        if not is_clean(path):
            return HTTPRefusal(
                "bad_request", "the path holds a control character, a line separator or half a character"
            )
        rule = self._rules.rule_of(path, websocket=scope["type"] == "websocket")
        if rule.need == "nothing":
            return None
        if rule.query_token:  # behind the check of its Origin: a page can write an address too
            scope = with_query_token(scope)
        caller = await self._authenticate(scope)
        if not isinstance(caller, HTTPRefusal):
            caller = check_key(scope, caller, rule) or caller
        if isinstance(caller, HTTPRefusal):
            return None if rule.need == "optional" and caller.status == 401 else caller
        return check_need(caller, rule.need) or check_cookie(scope, caller) or caller


def turns_of(principal: Principal) -> str:
    """By whom this caller's requests take turns: a user with all their credentials, or the guests of one link."""
    return principal.user_id if principal.grant is None else principal.credential


def check_cookie(scope: Scope, principal: Principal) -> HTTPRefusal | None:
    """The refusal of a request that another site's page may have made a browser send with its cookie, or None."""
    if not principal.by_cookie or scope.get("method", "GET") in SAFE_METHODS:
        return None
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    if _values(headers, b"origin") or _values(headers, b"sec-fetch-site") == ["same-origin"]:
        return None
    return HTTPRefusal("forbidden", "a request with a login cookie must have the browser's Origin header")


def check_key(scope: Scope, principal: Principal, rule: Rule) -> HTTPRefusal | None:
    """The refusal of a cookie that came without its origin key, unless a link to the path is followed, or None."""
    if not principal.without_key or (rule.by_link and scope.get("method") in SAFE_METHODS):
        return None
    return HTTPRefusal(
        "unauthorized",
        "the login cookie came without the key that belongs to it (header `Holdfast-Key`): every port of this machine "
        "gets the cookie, so it does not suffice. Log in again on the page",
    )


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def _matches(host: Authority, entry: Authority | None) -> bool:
    """An allowed host without a port allows every port."""
    return entry is not None and entry.host == host.host and entry.port in (None, host.port)
