"""The routes `/auth/*`: a browser turns a token into a login, and ends it.

`POST /auth/local` (local mode) and `POST /auth/token` (modes `tokens` and `bearer`) take `{"token": "..."}` as
`application/json` and answer 200 `{"user_id", "name", "expires_at"}` with the login cookie, or 401, 429.
`POST /auth/share` takes a link's secret in the same shape and answers 200 `{"session_id", "access"}` with a cookie, or 401.
`POST /auth/logout` answers 204, takes the cookie away and ends the login and its sockets, with or without a cookie.
The page gets the token of its link in the URL's fragment (`/#token=...`), which browsers send to nobody.
"""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.auth import credentials
from server.auth.authenticator import Ways
from server.auth.credentials import MAX_TOKEN_CHARS
from server.auth.principal import Principal
from server.config.settings import Settings
from server.http.responses import answer
from server.util.refusal import HTTPRefusal, RequestRefused

BODY_BYTES_MAX = 16_384


class TokenGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted."""

    token: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_CHARS)]


class AuthRoutes:
    """Login and logout."""

    def __init__(self, ways: Ways, settings: Settings) -> None:
        self._ways = ways
        self._settings = settings
        self._mode = settings.auth.mode

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        routes: list[BaseRoute] = [
            Route("/auth/local", self.local, methods=["POST"]),
            Route("/auth/token", self.token, methods=["POST"]),
            Route("/auth/share", self.share, methods=["POST"]),
            Route("/auth/logout", self.logout, methods=["POST"]),
        ]
        if self._mode == "oauth":
            from server.http.routes.oauth import OauthRoutes

            routes += OauthRoutes(self._ways, self._settings).routes()
        return routes

    async def local(self, request: Request) -> Response:
        """The local token becomes a login."""
        if self._mode != "local":
            return HTTPRefusal("not_found", "this server is not in local mode").as_response()
        return await self._exchange(request)

    async def token(self, request: Request) -> Response:
        """An API token or a Hugging Face token becomes a login."""
        if self._mode == "local":
            return HTTPRefusal("not_found", "in local mode the token goes to /auth/local").as_response()
        return await self._exchange(request)

    async def share(self, request: Request) -> Response:
        """A link's secret becomes a cookie of its own, beside the login's: 200 `{"session_id", "access"}`."""
        given = await _read(request)
        found = await self._ways.shares.know(given.token, by_cookie=True)
        if found is None or found.grant is None:
            message = "this link lets nobody in: it was taken back, or is not whole"
            return HTTPRefusal("unauthorized", message).as_response()
        said = answer({"session_id": found.grant.session_id, "access": found.grant.access})
        style = credentials.style(request.scope, self._settings, credentials.GUEST)
        said.headers["set-cookie"] = style.set(given.token, self._settings.auth.login_s)
        return said

    async def logout(self, request: Request) -> Response:
        """The login is over."""
        principal: Principal | None = request.scope["state"].get("principal")
        if principal is not None:
            await self._ways.log_out(principal)
        gone = Response(status_code=204)
        for name in (credentials.NAME, credentials.GUEST):
            gone.headers.append("set-cookie", credentials.style(request.scope, self._settings, name).clear())
        return gone

    async def _exchange(self, request: Request) -> Response:
        given = await _read(request)
        made = await self._ways.exchange(given.token, request.scope)
        if isinstance(made, HTTPRefusal):
            return made.as_response()
        login, cookie = made
        said = answer({"user_id": login.user_id, "name": login.name, "expires_at": login.expires_at})
        style = credentials.style(request.scope, self._settings)
        said.headers["set-cookie"] = style.set(cookie, login.expires_at - login.created_at)
        return said


async def _read(request: Request) -> TokenGiven:
    """The JSON body. Raises `RequestRefused`; its message does not repeat the token."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _bad_body("the body must be application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise _bad_body(f"the body is larger than {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body, type=TokenGiven)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _bad_body('the body must be {"token": "..."}') from error


def _bad_body(message: str) -> RequestRefused:
    return RequestRefused(HTTPRefusal("bad_request", message))
