"""Routes of logins, `/auth/*`: a browser exchanges a token for a login cookie, and ends the login.

`POST /auth/local` (mode `local`) and `POST /auth/token` (the other modes) take `{"token": "..."}` as `application/json`
and answer 200 with the login cookie, or 401, 429. `POST /auth/share` takes a link's secret in the same shape and answers
with a cookie of its own. Where a cookie goes to other ports too, the answer has its origin key (`server.auth.origin_keys`). `POST /auth/logout` answers 204, clears both cookies and closes the login's websockets.
In mode `local` the token may be a login code, which works once (`server.auth.login_codes`). The page gets the token or code of
its link in the URL's fragment (`/#token=...`), which browsers do not send to servers.
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.auth.authenticator import Authenticator
from server.auth.credentials import GUEST_COOKIE, LOGIN_COOKIE, cookie_style
from server.auth.principal import Principal
from server.config.settings import Settings
from server.http import schemas
from server.http.bodies import read_small
from server.http.endpoints import Endpoint
from server.http.requests import bad_request
from server.http.responses import json_response
from server.util.refusal import HTTPRefusal

BODY_BYTES_MAX: Final = 16_384


class LoginRoutes:
    """Handlers of login and logout."""

    def __init__(self, authenticator: Authenticator, settings: Settings) -> None:
        self._authenticator = authenticator
        self._settings = settings
        self._mode = settings.auth.mode

    async def local(self, request: Request) -> Response:
        """Log in with the local token."""
        if self._mode != "local":
            return HTTPRefusal("not_found", "this server is not in local mode; use /auth/token").as_response()
        return await self._exchange(request)

    async def token(self, request: Request) -> Response:
        """Log in with an API token or a Hugging Face token."""
        if self._mode == "local":
            return HTTPRefusal("not_found", "this server is in local mode; use /auth/local").as_response()
        return await self._exchange(request)

    async def share(self, request: Request) -> Response:
        """Open a session by a link's secret."""
        opened = await self._authenticator.open_link(await _read_token(request), request.scope)
        if isinstance(opened, HTTPRefusal):
            return opened.as_response()
        grant, cookie, key = opened
        response = json_response(schemas.Guest(grant.session_id, grant.access, key or msgspec.UNSET))
        style = cookie_style(request.scope, self._settings, GUEST_COOKIE)
        response.headers["set-cookie"] = style.set(cookie, self._settings.auth.login_s)
        return response

    async def logout(self, request: Request) -> Response:
        """Log out."""
        principal: Principal | None = request.scope["state"].get("principal")
        if principal is not None:
            await self._authenticator.log_out(principal)
        response = Response(status_code=204)
        for name in (LOGIN_COOKIE, GUEST_COOKIE):
            response.headers.append("set-cookie", cookie_style(request.scope, self._settings, name).clear())
        return response

    async def _exchange(self, request: Request) -> Response:
        exchanged = await self._authenticator.exchange(await _read_token(request), request.scope)
        if isinstance(exchanged, HTTPRefusal):
            return exchanged.as_response()
        login, cookie, key = exchanged
        response = json_response(schemas.LoggedIn(login.user_id, login.name, login.expires_at, key or msgspec.UNSET))
        style = cookie_style(request.scope, self._settings)
        response.headers["set-cookie"] = style.set(cookie, login.expires_at - login.created_at)
        return response


async def _read_token(request: Request) -> str:
    """The token in the JSON body. Raises `RequestRefused`; its message does not repeat the token."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise bad_request("the body must be application/json")
    body = await read_small(request, BODY_BYTES_MAX)
    if body is None:
        raise bad_request(f"the body is larger than {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body, type=schemas.TokenGiven).token
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise bad_request('the body must be {"token": "..."}') from error


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/auth/local",
        needs="nothing",
        handler=LoginRoutes.local,
        name="Auth_local",
        body=schemas.TokenGiven,
        answers={200: schemas.LoggedIn},
        refusals=(401, 404, 429),
    ),
    Endpoint(
        method="POST",
        path="/auth/token",
        needs="nothing",
        handler=LoginRoutes.token,
        name="Auth_token",
        body=schemas.TokenGiven,
        answers={200: schemas.LoggedIn},
        refusals=(401, 404, 429),
    ),
    Endpoint(
        method="POST",
        path="/auth/share",
        needs="nothing",
        handler=LoginRoutes.share,
        name="Auth_share",
        body=schemas.TokenGiven,
        answers={200: schemas.Guest},
        refusals=(401, 429),
    ),
    Endpoint(
        method="POST",
        path="/auth/logout",
        needs="optional",
        handler=LoginRoutes.logout,
        name="Auth_logout",
        answers={204: None},
    ),
)
