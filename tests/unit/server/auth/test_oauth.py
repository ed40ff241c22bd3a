"""Login at an OpenID provider: which claims are accepted, what is kept, and how a login ends."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urldefrag, urlsplit

import httpx
import msgspec
import pytest
from joserfc.jwk import OctKey, RSAKey
from websockets.asyncio.client import connect

from protocol.frames import Synced
from server.auth.authenticator import Authenticator
from server.auth.backends.api_tokens import new_token, write_tokens
from server.auth.backends.oauth import local_path
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with openid_provider() as stand_in:
        yield stand_in


def guarded(data: Path, provider: OpenIdProvider, oauth: dict[str, Any] | None = None, **auth: Any) -> Settings:
    how = {
        "provider_url": provider.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "timeout_s": 5.0,
        **(oauth or {}),
    }
    return settings_for(data, auth={"mode": "oauth", "recheck_s": 0.05, "oauth": how, **auth})


def browser(live: Live) -> httpx.AsyncClient:
    return http_client(live.http, timeout=20)


async def log_in(http: httpx.AsyncClient, wanted: str = "/") -> httpx.Response:
    """Go through the login as a browser does; the answer of the callback."""
    there = await http.get("/auth/login", params={"next": wanted})
    assert there.status_code == 303, there.text
    back = await http.get(there.headers["location"])
    assert back.status_code == 302
    home = await http.get(back.headers["location"])
    key = urldefrag(home.headers.get("location", "")).fragment.removeprefix("key=")
    http.headers["Holdfast-Key"] = key
    return home


def cookie_of(http: httpx.AsyncClient, live: Live) -> dict[str, str]:
    return {
        "Cookie": f"holdfast-{live.port}={http.cookies[f'holdfast-{live.port}']}",
        "Origin": live.http,
        "Holdfast-Key": http.headers["Holdfast-Key"],
    }


def authenticator(live: Live) -> Authenticator:
    found = live.server._app.state.running.authenticator
    assert isinstance(found, Authenticator)
    return found


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_login_authenticates_over_http_and_websocket(
    tmp_path: Path, provider: OpenIdProvider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        assert (await http.get("/api/me")).status_code == 401
        home = await log_in(http, "/?session=1")
        assert (home.status_code, urldefrag(home.headers["location"]).url) == (303, "/?session=1")
        me = (await http.get("/api/me")).json()
        assert (me["user_id"], me["name"], me["rights"]) == ("user-1", "ada", ["sessions"])
        async with connect(live.ws, additional_headers=cookie_of(http, live)) as socket:
            await Client(socket).until_type(Synced)


async def test_provider_tokens_are_stored_encrypted_and_reach_the_owners_tools(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    settings = guarded(tmp_path, provider)
    async with listening(settings) as live, browser(live) as http:
        home = await log_in(http)
        (access,) = provider.issued
        assert access not in str(home.headers) + str(http.cookies)
        assert await authenticator(live).hub_token("user-1") == access
        assert await authenticator(live).hub_token("user-2") is None
        own = dict(http.cookies)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in kept:
        data = path.read_bytes()
        assert access.encode() not in data and b"refresh-" not in data, path
        assert all(value.encode() not in data for value in own.values()), path
    assert {(path.name, path.stat().st_mode & 0o077) for path in kept} >= {("secret.key", 0), ("logins.db", 0)}
    async with listening(settings) as live:
        assert await authenticator(live).hub_token("user-1") == access, "found again after a restart"


async def test_without_a_refresh_token_a_login_ends_with_its_access_token(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    provider.refreshes, provider.access_lasts_s = False, 2
    began = time.time()
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        await log_in(http)
        async with connect(live.ws, additional_headers=cookie_of(http, live)) as socket:
            assert await Client(socket).closed() == (4401, "the credentials expired; log in and come back")
    assert time.time() >= began + 1.0


async def test_logging_out_ends_the_login_its_cookie_and_its_sockets(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        await log_in(http)
        own = cookie_of(http, live)
        async with connect(live.ws, additional_headers=own) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            assert (await http.post("/auth/logout")).status_code == 403, "another site's page has no Origin of ours"
            assert (await http.post("/auth/logout", headers={"Origin": "https://evil.example"})).status_code == 403
            assert (await http.post("/auth/logout", headers={"Origin": live.http})).status_code == 204
            assert (await client.closed())[0] == 4401
        assert (await http.get("/api/me", headers=own)).status_code == 401


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another-client"},
    {"aud": ["another-client", CLIENT_ID], "azp": "another-client"},
    {"aud": None},
    {"exp": 1_000_000_000},
    {"exp": None},
    {"iat": 4_000_000_000},
    {"nonce": "another"},
    {"nonce": None},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
]


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=str)
async def test_an_id_token_for_another_login_is_refused(
    tmp_path: Path, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        assert (await log_in(http)).status_code == 503
        assert (await http.get("/api/me")).status_code == 401


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
async def test_an_id_token_signed_by_another_key_is_refused(
    tmp_path: Path, provider: OpenIdProvider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    secret = OctKey.import_key(CLIENT_SECRET * 2)
    provider.signed_by = secret if algorithm == "HS256" else RSAKey.generate_key(2048, {"kid": "another"})
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        assert (await log_in(http)).status_code == 503
        assert (await http.get("/api/me")).status_code == 401


async def test_a_login_can_only_be_completed_in_the_browser_that_began_it(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as ada, browser(live) as eve:
        there = await eve.get("/auth/login")
        back = (await eve.get(there.headers["location"])).headers["location"]
        assert (await ada.get(back)).status_code == 400, "no login was begun here"
        await ada.get("/auth/login")
        assert (await ada.get(back)).status_code == 400, "another login was begun here"
        assert (await eve.get(back.replace("state=", "state=x"))).status_code == 400
        assert (await ada.get("/api/me")).status_code == 401


async def test_a_browser_that_another_site_sent_to_the_login_is_asked(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        for sent_by in ("cross-site", "same-site"):
            path = "/auth/login?next=/s/1%22%3E%3Cscript%3E"
            page = await http.get(path, headers={"Sec-Fetch-Site": sent_by})
            assert page.status_code == 200 and "set-cookie" not in page.headers
            assert 'href="login?next=%2Fs%2F1%22%3E%3Cscript%3E"' in page.text and "<script>" not in page.text
        for sent_by in ("same-origin", "none"):
            assert (await http.get("/auth/login", headers={"Sec-Fetch-Site": sent_by})).status_code == 303


async def test_an_authorization_code_works_once(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        there = await http.get("/auth/login")
        kept = {"Cookie": f"holdfast-login-{live.port}={http.cookies[f'holdfast-login-{live.port}']}"}
        back = (await http.get(there.headers["location"])).headers["location"]
        assert (await http.get(back)).status_code == 303
        again = await http.get(back, headers=kept)
        assert again.status_code == 403
        code = parse_qs(urlsplit(back).query)["code"][0]
        assert code not in again.text


async def test_a_refusal_of_the_provider_is_shown_without_its_text(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        there = await http.get("/auth/login")
        state = parse_qs(urlsplit(there.headers["location"]).query)["state"][0]
        refused = await http.get("/auth/callback", params={"state": state, "error": "<script>access_denied"})
        assert refused.status_code == 403 and "<script>" not in refused.text


async def test_an_unreachable_or_wrong_provider_does_not_hang(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path / "a", provider)) as live, browser(live) as http:
        provider.down = True
        assert (await http.get("/auth/login")).status_code == 503
        provider.down = False
        assert (await http.get("/auth/login")).status_code == 303
    address, provider.url = provider.url, "https://somebody.else"
    async with listening(guarded(tmp_path / "b", provider, {"provider_url": address})) as live:
        async with browser(live) as http:
            assert (await http.get("/auth/login")).status_code == 503


async def test_only_allowed_users_are_admitted_and_admins_are_named_by_id(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    settings = guarded(tmp_path, provider, allowed_users=["user-1"], admins=["user-9", "ada"])
    async with listening(settings) as live:
        for subject, status, rights in (
            ("user-1", 303, ["sessions"]),
            ("user-2", 403, None),
            ("user-9", 303, ["admin", "metrics", "sessions"]),
        ):
            provider.subject = subject
            async with browser(live) as http:
                assert (await log_in(http)).status_code == status
                me = await http.get("/api/me")
                assert me.json().get("rights") == rights


async def test_new_keys_of_the_provider_are_found(tmp_path: Path, provider: OpenIdProvider) -> None:
    async with listening(guarded(tmp_path, provider, {"keys_again_s": 0.0})) as live, browser(live) as http:
        assert (await log_in(http)).status_code == 303
        provider.new_keys()
        assert (await log_in(http)).status_code == 303
        assert provider.requests.count("jwks") == 2


async def test_an_api_token_works_beside_the_login(tmp_path: Path, provider: OpenIdProvider) -> None:
    kept, secret = new_token("user-1", ["sessions"], time.time())
    write_tokens(tmp_path / "tokens.json", [kept])
    async with listening(guarded(tmp_path, provider)) as live, browser(live) as http:
        me = await http.get("/api/me", headers={"Authorization": f"Bearer {secret}"})
        assert me.json()["user_id"] == "user-1"


async def test_behind_a_proxy_cookies_are_secure_and_the_callback_is_the_public_one(
    tmp_path: Path, provider: OpenIdProvider
) -> None:
    settings = guarded(tmp_path, provider)
    server = msgspec.structs.replace(settings.server, space_host="me-holdfast.hf.space")
    async with listening(msgspec.structs.replace(settings, server=server)) as live, browser(live) as http:
        there = await http.get("/auth/login", headers={"Host": "me-holdfast.hf.space"})
        query = parse_qs(urlsplit(there.headers["location"]).query)
        assert query["redirect_uri"] == ["https://me-holdfast.hf.space/auth/callback"]
        cookie = there.headers["set-cookie"]
        assert cookie.startswith("__Host-holdfast-login=")
        assert all(f"; {word}" in cookie for word in ("Path=/", "HttpOnly", "Secure", "SameSite=None", "Partitioned"))
        assert "strict-transport-security" in there.headers


ELSEWHERE = ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "", "x"]
ELSEWHERE += ["/\n/evil", "/" + "x" * 2_000, "/\u00e9", "http:/x", "///evil.example"]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_a_login_redirects_to_this_server_alone(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_a_login_returns_to_the_page_it_came_from() -> None:
    for wanted in ("/", "/a/b?c=d&e=%2F", "/?session=1#end"):
        assert local_path(wanted) == wanted
