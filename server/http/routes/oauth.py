"""Routes of the mode `oauth`: a browser is sent to the OpenID provider and comes back with a login.

`GET /auth/login?next=/PATH` answers 303 to the provider; to a browser that another site sent, with a page that asks first.
`GET /auth/callback` answers 303 to `next` with the login cookie, and where that needs an origin key, with `#key=...`, which
browsers do not send to servers; or a page that says what went wrong: 400 the login was not pending in this browser, 403
refused, 429 too many failures, 503 a fault of the provider.
"""

import asyncio
import logging
import time
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from server.auth.authenticator import Authenticator, address_of
from server.auth.backends.base import LOGIN_WAIT_S, LoginRefused, ProviderError, UserNotAllowed
from server.auth.credentials import LOGIN_COOKIE, CookieStyle, cookie_style, read_cookies
from server.auth.origin_keys import is_needed
from server.config.settings import Settings
from server.http.endpoints import Endpoint

if TYPE_CHECKING:
    # It takes a quarter of a second to import, which only a server in this mode should pay.
    from server.auth.backends.oauth import OauthBackend

log = logging.getLogger("holdfast.auth")

COOKIE: Final = "holdfast-login"
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Holdfast</title></head>
<body><h1>You are not logged in</h1><p>{why}</p><p><a href="login">Try again</a></p></body></html>
"""


ASK: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Holdfast</title></head>
<body><h1>Log in?</h1><p>Another site sent you here. You will be the user that you are at the login provider now, whoever you were here before.</p>
<p><a href="{again}">Log in</a></p></body></html>
"""
OWN_NAVIGATIONS: Final = ("same-origin", "none")
"""Of `Sec-Fetch-Site`: from a page of this server; typed, or from a bookmark. Old browsers do not send it."""


class OauthRoutes:
    """Handlers of the login at the provider."""

    def __init__(self, authenticator: Authenticator, backend: "OauthBackend", settings: Settings) -> None:
        self._backend = backend
        self._authenticator = authenticator
        self._settings = settings
        self._path = settings.server.public.path if settings.server.public is not None else ""

    async def login(self, request: Request) -> Response:
        """Send the browser to the provider."""
        if request.headers.get("sec-fetch-site", "none") not in OWN_NAVIGATIONS:
            again = f"login?{urlencode({'next': request.query_params.get('next', '/')})}"
            return HTMLResponse(ASK.format(again=escape(again)), headers={"cache-control": "no-store"})
        try:
            url, state = await self._backend.begin(self._callback_url(request), self._next(request))
        except ProviderError as fault:
            log.error("no login is possible: %s", fault)
            return _page("The login provider does not answer as it should. Try again in a moment.", 503)
        response = _redirect(url)
        style = self._style(request, COOKIE)
        response.headers.append("set-cookie", style.set(state, LOGIN_WAIT_S))
        return response

    async def callback(self, request: Request) -> Response:
        """Receive the browser back from the provider, and log it in."""
        style = self._style(request, COOKIE)
        response = await self._finish(request, style.name)
        response.headers.append("set-cookie", style.clear())
        return response

    async def _finish(self, request: Request, cookie_name: str) -> Response:
        address, now = address_of(request.scope), asyncio.get_running_loop().time()
        query = request.query_params
        cookies = read_cookies(request.scope["headers"], cookie_name)
        pending = self._backend.pending_login(cookies[0], query.get("state", "")) if len(set(cookies)) == 1 else None
        if pending is None:
            return _page("This login was not pending in this browser, or it took too long.", 400)
        if not query.get("code"):
            return _page("The login provider refused the login.", 403)
        if self._authenticator.failures.is_blocked(address, now):
            return _page("Too many logins from your address failed. Try again later.", 429)
        try:
            with_key = is_needed(request.scope, self._settings)
            login, cookie, key = await self._backend.finish(pending, query["code"], time.time(), with_key=with_key)
        except UserNotAllowed as error:
            log.info("%s", error)
            return _page("You may not use this server. Its administrator can allow you.", 403)
        except LoginRefused as error:
            self._authenticator.failures.record_failure(address, now)
            log.info("a login failed: %s", error)
            return _page("The login provider refused the login.", 403)
        except ProviderError as fault:
            self._authenticator.failures.record_failure(address, now)
            log.error("a login failed: %s", fault)
            return _page("The login provider's answer could not be checked. Try again in a moment.", 503)
        address = f"{self._path}{pending.next}"
        response = _redirect(f"{urldefrag(address).url}#key={key}" if key else address)
        style = self._style(request, LOGIN_COOKIE)
        response.headers.append("set-cookie", style.set(cookie, login.expires_at - login.created_at))
        return response

    def _style(self, request: Request, name: str) -> CookieStyle:
        """The provider sends the browser to the public URL, so where there is one the browser is there."""
        return cookie_style(request.scope, self._settings, name, public=True)

    def _next(self, request: Request) -> str:
        """Where the browser goes after the login: a path below the public URL's."""
        given = request.query_params.get("next", "/")
        return given.removeprefix(self._path) if f"{given}/".startswith(f"{self._path}/") else given

    def _callback_url(self, request: Request) -> str:
        base = self._settings.server.public_address or f"{request.scope['scheme']}://{request.headers['host']}"
        return f"{base}/auth/callback"


def _redirect(url: str) -> Response:
    return RedirectResponse(url, 303, headers={"cache-control": "no-store"})


def _page(why: str, status: int) -> Response:
    headers = {"cache-control": "no-store"} | ({"retry-after": "60"} if status in (429, 503) else {})
    return HTMLResponse(PAGE.format(why=escape(why)), status, headers=headers)


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/auth/login", needs="nothing", handler=OauthRoutes.login),
    Endpoint(method="GET", path="/auth/callback", needs="nothing", handler=OauthRoutes.callback),
)
