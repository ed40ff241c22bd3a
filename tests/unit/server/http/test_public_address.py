"""A server behind a proxy, at its public URL: cookies, links and redirects, whatever the proxy made of Host and path."""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from server.config.settings import Settings
from server.http.table import ENDPOINTS
from tests.support.application import settings_for
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, openid_provider


def public(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, public_url=url))


@contextlib.asynccontextmanager
async def behind(tmp_path: Path, url: str, **auth: Any) -> AsyncIterator[tuple[Live, httpx.AsyncClient]]:
    """A server with this public URL, behind a proxy that writes the Host anew; and a client, whose cookies are its test's."""
    settings = public(settings_for(tmp_path, auth={"local_token": True, **auth}), url)
    async with listening(settings) as live, http_client(live.http, timeout=20) as http:
        yield live, http


def cookie_in(answer: httpx.Response) -> tuple[str, list[str]]:
    """The cookie that is set, as it is sent back, and its attributes."""
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    return pair, attributes


async def logged_in(http: httpx.AsyncClient, tmp_path: Path, url: str) -> dict[str, str]:
    """Log in as the page at the public URL does; the headers with which that browser reads. Browsers send no Origin then."""
    token = (tmp_path / "token").read_text().strip()
    origin = url[: url.index("/", 8)] if "/" in url[8:] else url
    answer = await http.post("/auth/local", json={"token": token}, headers={"Origin": origin})
    assert answer.status_code == 200
    pair, _ = cookie_in(answer)
    return {"Cookie": pair, "Holdfast-Key": answer.json()["key"], "set-cookie": answer.headers["set-cookie"]}


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [("https://agent.test", "__Host-holdfast=", "/"), ("https://agent.test/a/b", "__Secure-holdfast=", "/a/b/")],
)
async def test_an_https_public_url_makes_cookies_secure_although_the_proxy_wrote_the_host_anew(
    tmp_path: Path, url: str, name: str, path: str
) -> None:
    async with behind(tmp_path, url) as (live, http):
        headers = await logged_in(http, tmp_path, url)
        set_cookie = headers.pop("set-cookie")
        assert set_cookie.startswith(name) and "; Secure" in set_cookie and f"; Path={path};" in set_cookie
        http.cookies.clear()
        assert (await http.get("/api/me", headers=headers)).json()["user_id"] == "local"
        own = {**headers, "Origin": "https://agent.test"}
        async with connect(live.ws, additional_headers=own) as socket:
            await Client(socket).synced()
        gone = await http.post("/auth/logout", headers=own)
        assert gone.status_code == 204 and gone.headers["set-cookie"].startswith(f"{name};")
        assert (await http.get("/api/me", headers=headers)).status_code == 401


async def test_a_browser_on_this_machine_still_gets_a_cookie_of_its_own(tmp_path: Path) -> None:
    async with behind(tmp_path, "https://agent.test/agent") as (live, http):
        headers = await logged_in(http, tmp_path, live.http)
        set_cookie = headers.pop("set-cookie")
        assert (
            set_cookie.startswith(f"holdfast-{live.port}=") and "Path=/;" in set_cookie and "Secure" not in set_cookie
        )
        http.cookies.clear()
        assert (await http.get("/api/me", headers=headers)).status_code == 200


async def test_every_answer_has_hsts_if_the_public_url_is_https(tmp_path: Path) -> None:
    for url, there in (("https://agent.test", True), ("http://agent.test", False), ("", False)):
        async with behind(tmp_path / str(there) / url[:5], url) as (_, http):
            for path in ("/", "/livez", "/api/me", "/nothing"):
                assert ("strict-transport-security" in (await http.get(path)).headers) == there, (url, path)


async def test_links_into_a_session_name_the_public_url(tmp_path: Path) -> None:
    url = "https://agent.test/agent"
    async with behind(tmp_path, url) as (_, http):
        headers = {**await logged_in(http, tmp_path, url), "Origin": "https://agent.test"}
        session_id = (await http.post("/api/sessions", headers=headers)).json()["session_id"]
        path = f"/api/sessions/{session_id}/shares"
        made = await http.post(path, headers=headers, json={"access": "read"})
        listed = (await http.get(path, headers=headers)).json()["shares"]
    assert made.json()["link"].startswith(f"{url}/s/{session_id}#share=") and listed[0]["link"] == made.json()["link"]


@pytest.mark.parametrize("passed_on", ["", "/agent"], ids=["path cut off", "whole path"])
async def test_all_of_the_server_is_below_the_path_of_the_public_url(tmp_path: Path, passed_on: str) -> None:
    url = "https://agent.test/agent"
    async with behind(tmp_path, url) as (live, http):
        headers = await logged_in(http, tmp_path, url)
        for shown, asked in (("/agent/", "/"), (f"/agent/s/{'0' * 32}", f"/s/{'0' * 32}")):
            page = await http.get(f"{passed_on}{asked}")
            assert page.status_code == 200
            named = re.findall(r'"(\.{1,2}/static/[^"]+\.\w+)"', page.text)
            assert len(named) > 10 and "/static/" not in re.sub(r"\.{1,2}/static/", "", page.text)
            for name in named[:6]:
                address = urljoin(shown, name)
                assert address.startswith("/agent/static/")
                assert (await http.get(passed_on + address.removeprefix("/agent"))).status_code == 200
        assert (await http.get(f"{passed_on}/api/me", headers=headers)).status_code == 200
        assert (await http.get(f"{passed_on}/api/me")).status_code == 401
        async with connect(f"ws://127.0.0.1:{live.port}{passed_on}/ws", additional_headers=headers) as socket:
            await Client(socket).synced()


async def test_below_the_path_the_same_is_refused_as_above(tmp_path: Path) -> None:
    async with behind(tmp_path, "https://agent.test/agent") as (_, http):
        for endpoint in ENDPOINTS:
            path = re.sub(r"\{\w+(:path)?\}", "0" * 32, endpoint.path)
            above, below = [await http.request(endpoint.method, f"{part}{path}") for part in ("", "/agent")]
            assert above.status_code == below.status_code, path
        assert (await http.get("/agent/agent/api/me")).status_code == 401
        assert (await http.get("/agents/")).status_code == 401


async def test_the_path_without_its_slash_leads_to_the_page(tmp_path: Path) -> None:
    async with behind(tmp_path, "https://agent.test/agent") as (_, http):
        answer = await http.get("/agent")
    assert (answer.status_code, answer.headers["location"]) == (308, "/agent/")


async def test_no_redirect_names_the_host_that_the_proxy_wrote(tmp_path: Path) -> None:
    async with behind(tmp_path, "https://agent.test") as (_, http):
        for path in ("/livez/", "/s/0/", "/static/icon.svg/", "/ws/"):
            assert "location" not in (await http.get(path)).headers, path


async def test_a_login_at_a_provider_returns_below_the_path_of_the_public_url(tmp_path: Path) -> None:
    async with openid_provider() as provider:
        how = {"provider_url": provider.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "timeout_s": 5.0}
        async with behind(tmp_path, "https://agent.test/agent", mode="oauth", oauth=how) as (live, http):
            for wanted, shown in (
                ("/agent/s/1", "/agent/s/1"),
                ("/s/1", "/agent/s/1"),
                ("/agent", "/agent/"),
                ("//evil", "/agent/"),
            ):
                there = await http.get("/auth/login", params={"next": wanted})
                pending, attributes = cookie_in(there)
                assert (
                    pending.startswith("__Secure-holdfast-login=")
                    and "Path=/agent/" in attributes
                    and "Secure" in attributes
                )
                query = parse_qs(urlsplit(there.headers["location"]).query)
                assert query["redirect_uri"] == ["https://agent.test/agent/auth/callback"]
                back = (await http.get(there.headers["location"])).headers["location"]
                path = back.replace("https://agent.test/agent", live.http)
                home = await http.get(path, headers={"Cookie": pending})
                assert home.headers["location"].partition("#")[0] == shown, wanted
                assert "__Secure-holdfast=" in home.headers["set-cookie"]
            asking = await http.get("/auth/login", headers={"Sec-Fetch-Site": "cross-site"})
            refused = await http.get("/auth/callback")
            for path, page in (("/agent/auth/login", asking), ("/agent/auth/callback", refused)):
                link = re.search(r'href="([^"]+)"', page.text)
                assert link and urljoin(path, link[1]).startswith("/agent/auth/login")
