"""The routes `/auth/login` and `/auth/callback`: a browser is sent to the provider and comes back with a login.

`GET /auth/login?next=/PATH` answers 303 to the provider. `GET /auth/callback` answers 303 to `next` with the login
cookie; or a page that says what went wrong: 400 not begun here, 403 refused, 429 too often, 503 the provider's fault.
"""

import asyncio
import logging
import time
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.auth import credentials
from server.auth.authenticator import Ways, address_of
from server.auth.backends.oauth import NotAllowed, OauthWay
from server.auth.backends.openid import LoginRefused, ProviderFault
from server.auth.credentials import read_cookies
from server.config.settings import Settings

log = logging.getLogger("holdfast.auth")

COOKIE = "holdfast-login"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Holdfast</title></head>
<body><h1>You are not logged in</h1><p>{why}</p><p><a href="/auth/login">Try again</a></p></body></html>
"""


class OauthRoutes:
    """Login at the provider."""

    def __init__(self, ways: Ways, settings: Settings) -> None:
        assert isinstance(ways.way, OauthWay)
        self._way = ways.way
        self._ways = ways
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [Route("/auth/login", self.login), Route("/auth/callback", self.callback)]

    async def login(self, request: Request) -> Response:
        """Go to the provider."""
        try:
            url, kept = await self._way.begin(self._callback_url(request), request.query_params.get("next", "/"))
        except ProviderFault as fault:
            log.error("nobody can log in: %s", fault)
            return _page("The login provider does not answer as it should. Try again in a moment.", 503)
        gone = _redirect(url)
        style = credentials.style(request.scope, self._settings, COOKIE)
        gone.headers.append("set-cookie", style.set(kept, self._settings.auth.oauth.login_wait_s))
        return gone

    async def callback(self, request: Request) -> Response:
        """Come back from the provider."""
        style = credentials.style(request.scope, self._settings, COOKIE)
        answer = await self._come_back(request, style.name)
        answer.headers.append("set-cookie", style.clear())
        return answer

    async def _come_back(self, request: Request, cookie_name: str) -> Response:
        address, ticks = address_of(request.scope), asyncio.get_running_loop().time()
        query = request.query_params
        kept = read_cookies(request.scope["headers"], cookie_name)
        asked = self._way.asked(kept[0], query.get("state", "")) if len(set(kept)) == 1 else None
        if asked is None:
            return _page("This login was not begun in this browser, or it took too long.", 400)
        if not query.get("code"):
            return _page("The login provider did not let you in.", 403)
        if self._ways.failures.tired(address, ticks):
            return _page("Too many logins from your address failed. Try again later.", 429)
        try:
            login, cookie = await self._way.finish(asked, query["code"], time.time())
        except NotAllowed as refused:
            log.info("%s", refused)
            return _page("You may not use this server. Its keeper can allow you.", 403)
        except LoginRefused as refused:
            self._ways.failures.note(address, ticks)
            log.info("a login failed: %s", refused)
            return _page("The login provider did not let you in.", 403)
        except ProviderFault as fault:
            self._ways.failures.note(address, ticks)
            log.error("a login failed: %s", fault)
            return _page("The login provider's answer could not be checked. Try again in a moment.", 503)
        home = _redirect(asked.next)
        style = credentials.style(request.scope, self._settings)
        home.headers.append("set-cookie", style.set(cookie, login.expires_at - login.created_at))
        return home

    def _callback_url(self, request: Request) -> str:
        base = self._settings.server.public_origin or f"{request.scope['scheme']}://{request.headers['host']}"
        return f"{base}/auth/callback"


def _redirect(url: str) -> Response:
    return RedirectResponse(url, 303, headers={"cache-control": "no-store"})


def _page(why: str, status: int) -> Response:
    headers = {"cache-control": "no-store"} | ({"retry-after": "60"} if status in (429, 503) else {})
    return HTMLResponse(PAGE.format(why=escape(why)), status, headers=headers)
