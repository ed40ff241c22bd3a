"""Attacks on logins: a program of this machine without a secret tries cookies without their key, codes, and secrets of links."""

import asyncio
import contextlib
import secrets
import time

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from protocol import SUBPROTOCOL_JSON
from server.auth.login_codes import new_code
from tests.hostile.target import Target
from tests.support.browser_login import cookie_of
from tests.support.network.http_client import http_client

AT_ONCE = 6
KEY_PREFIX, LINK_PREFIX = "hfk_", "hfl_"
OK, REFUSED = 200, (401, 429)


async def credentials_made_up(target: Target) -> None:
    """All at once and without end: a login's cookie without its origin key, or with another; codes and secrets that nobody gave."""
    async with http_client(target.http) as http:
        login = await http.post("/auth/local", json={"token": target.user})
        assert login.status_code == OK
        used = new_code(target.user, time.time())
        assert (await http.post("/auth/local", json={"token": used})).status_code == OK
        http.cookies.clear()
        own = {**cookie_of(login), "Origin": target.http}
        await asyncio.gather(
            *(_requests(http, target, own, used) for _ in range(AT_ONCE)),
            *(_sockets(target, own) for _ in range(AT_ONCE)),
        )


async def _requests(http: httpx.AsyncClient, target: Target, cookie: dict[str, str], used: str) -> None:
    while True:
        key = {"Holdfast-Key": KEY_PREFIX + secrets.token_urlsafe(32)}
        with contextlib.suppress(httpx.TransportError):
            asked = await http.get("/api/sessions", headers={**cookie, **key})
            tried = [
                await http.post(path, json={"token": token})
                for path, token in (
                    ("/auth/local", new_code(secrets.token_urlsafe(32), time.time())),
                    ("/auth/local", used),
                    ("/auth/local", target.drive),
                    ("/auth/share", f"{LINK_PREFIX}{target.shared_id}_{secrets.token_hex(8)}_{'x' * 43}"),
                )
            ]
            for answer in (asked, *tried):
                assert answer.status_code in REFUSED, (answer.request.url, answer.status_code)


async def _sockets(target: Target, cookie: dict[str, str]) -> None:
    url = f"ws://127.0.0.1:{target.port}/ws/{target.session_id}"
    offered = [SUBPROTOCOL_JSON]
    while True:
        with contextlib.suppress(WebSocketException, OSError):
            async with connect(url, subprotocols=offered, additional_headers=cookie):  # type: ignore[arg-type]  # a NewType of str
                raise AssertionError("a cookie without its key opened a session")
