"""Logins of several servers: made at one and good at all, over at all when they are over at one, and renewed by one alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from agent.util.tasks import TaskOwner
from protocol.frames import Synced
from server.auth import shared_logins
from server.auth.authenticator import Authenticator
from server.auth.backends import oauth
from server.auth.login_codes import new_code
from server.journal.postgres.nodes.nodes import PostgresNodes
from tests.support.live import Client, Live
from tests.support.network.http_client import http_client
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.unit.server.auth.test_oauth import log_in
from tests.unit.server.sessions.nodes.two import two

LOCAL = {"local_token": True}
REVOKED = (4401, "the credentials were revoked; log in and come back")


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with openid_provider() as stand_in:
        yield stand_in


def oauth_at(provider: OpenIdProvider, **more: Any) -> dict[str, Any]:
    how = {"provider_url": provider.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return {"mode": "oauth", "oauth": {**how, **more}}


class Browser:
    """A login's cookie and key, for whichever server. On one machine the cookie's name has the server's port in it."""

    def __init__(self, cookie: str, key: str) -> None:
        self._cookie, self._key = cookie, key

    def headers(self, live: Live) -> dict[str, str]:
        return {"Cookie": f"holdfast-{live.port}={self._cookie}", "Origin": live.http, "Holdfast-Key": self._key}

    async def me(self, live: Live) -> httpx.Response:
        async with http_client(live.http, timeout=20) as http:
            return await http.get("/api/me", headers=self.headers(live))

    async def log_out(self, live: Live) -> int:
        async with http_client(live.http) as http:
            return (await http.post("/auth/logout", headers=self.headers(live))).status_code


async def logged_in(live: Live, folder: Path) -> Browser:
    """A browser that logs in with the token of mode `local`, which is the same at every server."""
    async with http_client(live.http) as http:
        token = (folder / "token").read_text().strip()
        answer = await http.post("/auth/local", json={"token": token})
        assert answer.status_code == 200
        return Browser(http.cookies[f"holdfast-{live.port}"], answer.json()["key"])


async def logged_in_by(provider: OpenIdProvider, live: Live) -> Browser:
    """A browser that logs in at the provider."""
    async with http_client(live.http, timeout=20) as http:
        assert (await log_in(http)).status_code == 303
        return Browser(http.cookies[f"holdfast-{live.port}"], http.headers["Holdfast-Key"])


def authenticator(live: Live) -> Authenticator:
    found = live.server._app.state.running.authenticator
    assert isinstance(found, Authenticator)
    return found


@pytest.mark.parametrize("told", [True, False], ids=["told", "by a look"])
async def test_a_login_is_good_at_every_server_until_it_is_logged_out_at_one(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    if not told:
        monkeypatch.setattr(PostgresNodes, "tell_credentials", lambda self: None)
    auth = {**LOCAL, "recheck_s": 30.0 if told else 0.05}
    async with two(tmp_path, database, auth=auth) as (a, b):
        browser = await logged_in(a, tmp_path / "a")
        assert [(await browser.me(live)).status_code for live in (a, b)] == [200, 200]
        other = await logged_in(b, tmp_path / "b")
        async with connect(b.ws, additional_headers=browser.headers(b)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            assert await browser.log_out(a) == 204
            assert await client.closed() == REVOKED
        assert [(await browser.me(live)).status_code for live in (a, b)] == [401, 401]
        assert [(await other.me(live)).status_code for live in (a, b)] == [200, 200]


async def test_a_login_outlives_all_servers(tmp_path: Path, database: str) -> None:
    async with two(tmp_path, database, auth=LOCAL) as (a, _):
        browser = await logged_in(a, tmp_path / "a")
    async with two(tmp_path, database, auth=LOCAL) as (a, b):
        assert [(await browser.me(live)).status_code for live in (b, a)] == [200, 200]


async def test_while_the_database_fails_what_was_seen_holds_and_the_rest_must_wait(
    postgres: Databases, tmp_path: Path, database: str
) -> None:
    name = database.partition("?")[0].rpartition("/")[2]
    async with two(tmp_path, database, auth={**LOCAL, "recheck_s": 0.02}) as (a, b):
        browser = await logged_in(a, tmp_path / "a")
        async with connect(a.ws, additional_headers=browser.headers(a)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            postgres.execute("ALTER TABLE credentials RENAME TO away", name)
            assert (await browser.me(a)).status_code == 200
            refused = await browser.me(b)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            postgres.execute("ALTER TABLE away RENAME TO credentials", name)
            assert (await browser.me(b)).status_code == 200
            await socket.ping()
            assert socket.close_code is None
            postgres.execute("DELETE FROM credentials", name)
            assert await client.closed() == REVOKED


async def test_two_servers_at_once_renew_a_providers_tokens_once(
    tmp_path: Path, database: str, provider: OpenIdProvider, tasks: TaskOwner
) -> None:
    async with two(tmp_path, database, auth=oauth_at(provider, refresh_before_s=200)) as (a, b):
        provider.access_lasts_s = 100
        browser = await logged_in_by(provider, a)
        provider.access_lasts_s = 3_600
        provider.answering.clear()
        asking = [tasks.start(browser.me(live), "me") for live in (a, b)]

        async def asked() -> bool:
            return "refresh_token" in provider.requests

        await eventually(asked)
        provider.answering.set()
        assert [(await one).status_code for one in asking] == [200, 200]
        assert provider.requests.count("refresh_token") == 1
        tokens = [await authenticator(live).hub_token("user-1") for live in (a, b)]
        assert tokens == [provider.issued[-1]] * 2


async def test_a_server_that_was_lost_while_it_renewed_is_followed_by_another(
    tmp_path: Path, database: str, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_logins, "RENEWING_S", 0.3)
    provider.access_lasts_s = 100
    async with two(tmp_path, database, auth=oauth_at(provider)) as (a, b):
        browser = await logged_in_by(provider, a)
        logins = authenticator(a).logins
        assert logins is not None
        (login,) = await logins.of_user("user-1", 0.0)
        assert (await logins.take_renewal(login, 0.0)).mine
        monkeypatch.setattr(oauth, "REFRESH_BEFORE_S", 200.0)
        assert (await browser.me(b)).status_code == 200
        assert provider.requests.count("refresh_token") == 1
        assert not (await logins.take_renewal(login, 0.0)).mine, "what is renewed already is not renewed again"


async def test_a_renewal_that_fails_or_is_refused_is_so_for_all_servers(
    tmp_path: Path, database: str, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.access_lasts_s = 100
    async with two(tmp_path, database, auth={**oauth_at(provider, refresh_before_s=200), "recheck_s": 30.0}) as (a, b):
        browser = await logged_in_by(provider, a)
        provider.down = True
        assert [(await browser.me(live)).status_code for live in (a, b)] == [200, 200]
        provider.down = False
        provider.end_logins()
        async with connect(b.ws, additional_headers=browser.headers(b)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            monkeypatch.setattr(oauth, "RETRY_S", 0.0)
            assert (await browser.me(a)).status_code == 401
            assert await client.closed() == REVOKED


async def test_logins_have_bounds_over_all_servers(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_logins, "LOGINS_PER_USER_MAX", 2)
    async with two(tmp_path, database, auth={**LOCAL, "recheck_s": 0.02}) as (a, b):
        browsers = [await logged_in(live, tmp_path / name) for live, name in ((a, "a"), (b, "b"), (a, "a"))]

        async def statuses() -> list[int]:
            return [(await browser.me(b)).status_code for browser in browsers]

        async def oldest_is_over() -> bool:
            return await statuses() == [401, 200, 200]

        await eventually(oldest_is_over)
        assert len(await asyncio.gather(*(browser.me(a) for browser in browsers))) == 3


async def test_a_login_code_works_once_at_all_servers_together(tmp_path: Path, database: str) -> None:
    async with two(tmp_path, database, auth=LOCAL) as (a, b):
        code = new_code((tmp_path / "a" / "token").read_text().strip(), time.time())

        async def use(live: Live) -> int:
            async with http_client(live.http) as http:
                return (await http.post("/auth/local", json={"token": code})).status_code

        assert sorted(await asyncio.gather(use(a), use(b))) == [200, 401]
        assert [await use(live) for live in (a, b)] == [401, 401]
