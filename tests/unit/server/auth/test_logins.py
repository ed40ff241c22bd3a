"""Logins: how many are kept, how wrong credentials are counted, and what a browser may do with a login."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agent.util.executors import Executors
from server.auth.login_store import SqliteLoginStore
from server.auth.logins import Login, new_login
from server.auth.own_logins import OwnLogins
from server.journal.base import Unavailable
from server.util.rate_limit import LoginThrottle, network_of
from tests.integration.test_matrix import WAYS, served
from tests.support.application import settings_for
from tests.support.browser_login import headers_of
from tests.support.live import Client, listening
from tests.support.network.http_client import http_client

HOSTILE_ORIGINS = [
    "null",
    "",
    "https://evil.example",
    "http://localhost.evil.example:{port}",
    "http://127.0.0.1.nip.example:{port}",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://evil@127.0.0.1:{port}",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port} http://evil.example",
    "http://[::1]:{port}",
    "file://",
    "chrome-extension://abc",
]
HOSTILE_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "0.0.0.0",
    "[::]",
    "evil.example:{port}",
]


@pytest.mark.parametrize("way", WAYS)
async def test_foreign_origins_and_hosts_are_refused_even_with_valid_credentials(tmp_path: Path, way: str) -> None:
    async with served(way, tmp_path) as here:
        own = {"Authorization": f"Bearer {here.good}"}
        cases = [{"Origin": text} for text in HOSTILE_ORIGINS] + [{"Host": text} for text in HOSTILE_HOSTS]
        async with http_client(here.live.http) as http:
            for case in cases:
                headers = {name: text.format(port=here.live.port) for name, text in case.items()}
                answer = await http.get("/api/me", headers=own | headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), headers
                upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
                upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
                refused = await http.get("/ws", headers=upgrade | headers)
                assert refused.status_code == 403, headers
                # No page can set this header on a websocket: the Origin is a program's then.
                judged = await http.get("/ws/no-such-session", headers=own | upgrade | headers)
                assert judged.status_code == (404 if "Origin" in case else 403), headers
            assert (await http.get("/api/sessions", headers=own)).json()["sessions"] == []


async def test_a_cookie_needs_the_pages_origin(tmp_path: Path) -> None:
    async with served("local", tmp_path) as here:
        async with http_client(here.live.http) as http:
            answer = await http.post("/auth/local", json={"token": here.good})
            key = {"Holdfast-Key": answer.json()["key"]}
            path = "/api/sessions/" + "0" * 32
            cases: list[tuple[dict[str, str], int]] = [
                ({}, 403),
                ({"Origin": "https://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Sec-Fetch-Site": "cross-site"}, 403),
                ({"Sec-Fetch-Site": "same-site"}, 403),
                ({"Sec-Fetch-Site": "none"}, 403),
                ({"Sec-Fetch-Site": "same-origin"}, 404),
                ({"Origin": here.live.http}, 404),
            ]
            for headers, status in cases:
                assert (await http.delete(path, headers=headers | key)).status_code == status, headers
            http.cookies.clear()
            bearer = {"Authorization": f"Bearer {here.good}"}
            assert (await http.delete(path, headers=bearer)).status_code == 404, (
                "a program has no Origin and needs none"
            )


async def test_an_expired_login_closes_its_sockets_and_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, auth={"local_token": True, "login_s": 1.0, "recheck_s": 0.2})
    async with listening(settings) as live, http_client(live.http) as http:
        token = (tmp_path / "token").read_text().strip()
        answer = await http.post("/auth/local", json={"token": token})
        cookie = headers_of(answer)
        async with connect(live.ws, additional_headers=cookie) as socket:
            assert await Client(socket).closed() == (4401, "the credentials expired; log in and come back")
        assert (await http.get("/api/me", headers=cookie)).status_code == 401
        with pytest.raises(InvalidStatus):
            await connect(live.ws, additional_headers=cookie)


async def test_a_wrong_token_beside_a_valid_cookie_is_refused(tmp_path: Path) -> None:
    async with served("local", tmp_path) as here:
        async with http_client(here.live.http) as http:
            answer = await http.post("/auth/local", json={"token": here.good})
            http.headers["Holdfast-Key"] = answer.json()["key"]
            assert (await http.get("/api/me")).status_code == 200
            assert (await http.get("/api/me", headers={"Authorization": "Bearer wrong"})).status_code == 401
            twice = [("Authorization", f"Bearer {here.good}"), ("Authorization", f"Bearer {here.good}")]
            assert (await http.get("/api/me", headers=twice)).status_code == 401
            name, value = next(iter(http.cookies.items()))
            http.cookies.clear()
            other = {"Cookie": f"{name}={value}; {name}=another"}
            assert (await http.get("/api/me", headers=other)).status_code == 401


async def test_addresses_behind_a_proxy_are_throttled_separately(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, auth={"mode": "tokens", "failures_per_minute": 2})
    server = msgspec.structs.replace(settings.server, trusted_proxies=["127.0.0.1"])
    async with listening(msgspec.structs.replace(settings, server=server)) as live:
        async with http_client(live.http) as http:

            async def guess(address: str) -> int:
                headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": address}
                return (await http.get("/api/me", headers=headers)).status_code

            assert [await guess("203.0.113.9") for _ in range(4)] == [401, 401, 429, 429]
            assert await guess("203.0.113.10") == 401
            assert [await guess(f"2001:db8::{n}") for n in range(1, 5)] == [401, 401, 429, 429], "one network"


def test_the_number_of_watched_addresses_is_bounded() -> None:
    failures = LoginThrottle(failures_per_minute=1, addresses_max=2)
    assert failures.record_failure("1.1.1.1", 0.0) and not failures.record_failure("1.1.1.1", 0.0)
    assert failures.is_blocked("1.1.1.1", 0.0)
    for address in ("2.2.2.2", "3.3.3.3"):
        assert failures.record_failure(address, 0.0)
    assert not failures.is_blocked("1.1.1.1", 0.0), "the longest quiet one is forgotten"
    assert failures.is_blocked("3.3.3.3", 30.0) and not failures.is_blocked("3.3.3.3", 61.0)
    assert network_of("::ffff:1.2.3.4") == "1.2.3.4"
    assert network_of("2001:db8:1:2:3::4%eth0") == "2001:db8:1:2::/64"


async def test_new_logins_replace_the_oldest_ones(tmp_path: Path) -> None:
    logins = OwnLogins(SqliteLoginStore(tmp_path), Executors().server, 4, 2)
    await logins.open(0.0)

    async def add(user: str, now: float) -> Login:
        fields: dict[str, Any] = {
            "credential": "local:x",
            "user_id": user,
            "name": user,
            "lifetime_s": 100.0,
            "with_key": False,
        }
        login = new_login(now=now, **fields).login
        await logins.add(login)
        return login

    first, second, third = [await add("ada", float(n)) for n in range(3)]
    assert [await logins.get(one.login_id, 3.0) is not None for one in (first, second, third)] == [False, True, True]
    others = [await add(name, 10.0 + n) for n, name in enumerate(("bob", "carol", "dan"))]
    assert await logins.get(second.login_id, 20.0) is None
    assert None not in [await logins.get(one.login_id, 20.0) for one in (third, *others)]
    await logins.aclose()
    again = OwnLogins(SqliteLoginStore(tmp_path), Executors().server, 4, 2)
    await again.open(105.0)
    assert await again.get(third.login_id, 105.0) is None, "it was over"
    assert [await again.get(one.login_id, 105.0) is not None for one in others] == [True] * 3
    await again.aclose()


async def test_a_login_that_cannot_be_stored_is_refused_as_unavailable(tmp_path: Path) -> None:
    store = SqliteLoginStore(tmp_path)
    store._db.execute("PRAGMA max_page_count = 1")  # as on a full disk
    login = Login(
        login_id="a",
        cookie_hash=b"x" * 100_000,
        credential="c",
        user_id="u",
        name="n",
        created_at=0.0,
        expires_at=1.0,
    )
    with pytest.raises(Unavailable, match="its disk may be full"):
        store.put(login)
    store.close()
