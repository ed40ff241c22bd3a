"""Five proxies with the files in deploy/, run: sockets, reloads, cookies, refused upgrades, uploads, and sockets on HTTP/2."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from clients.session.client import SessionClient
from clients.session.outcomes import CaughtUp, Connected, Reconnecting
from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.submissions import UserInput
from tests.deploy.http2 import Http2Socket, NotAnnounced
from tests.deploy.proxies import NAME, PROXIES, Proxy, certificate
from tests.faults.harness.lengths import in_the_long_form, length
from tests.integration.test_session_client import items_until
from tests.support.application import settings_for
from tests.support.live import DONE, Client, listening, same_view
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
LARGE = length(2_000_000, 20_000_000)
"""More than nginx takes where nothing is set."""


@dataclass
class Site:
    """A server behind a proxy. `token` is the server's."""

    proxy: Proxy
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def http(self) -> httpx.AsyncClient:
        return http_client(self.proxy.origin, timeout=60)

    def socket(self, path: str = "/ws", headers: dict[str, str] | None = None) -> connect:
        """A websocket of a page at the site's origin."""
        return connect(
            f"wss://{NAME}:{self.proxy.port}{path}",
            host="127.0.0.1",
            ssl=self.proxy.trust,
            origin=Origin(self.proxy.origin),
            subprotocols=[Subprotocol(SUBPROTOCOL_JSON)],
            additional_headers=headers,
            compression=None,
            proxy=None,
        )


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PROXIES, ids=lambda each: each.program)
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made: type[Proxy] = request.param
    if made.missing():
        pytest.skip(made.missing())
    folder = tmp_path_factory.mktemp(made.program)
    folder.chmod(0o755)
    proxy = made(folder, free_port(), request.getfixturevalue("cert"))
    settings = settings_for(folder / "data", auth={"local_token": True})
    server = {"port": proxy.upstream, "public_url": proxy.origin, "trusted_proxies": ["127.0.0.1"]}
    settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, **server))
    async with listening(settings):
        await proxy.start()
        try:
            yield Site(proxy, (folder / "data" / "token").read_text().strip())
        finally:
            await proxy.stop()


async def test_a_page_logs_in_with_a_secure_cookie_and_talks(site: Site) -> None:
    async with site.http() as http:
        answer = await http.post("/auth/local", json={"token": site.token}, headers={"Origin": site.proxy.origin})
        assert answer.status_code == 200 and "strict-transport-security" in answer.headers
        set_cookie = answer.headers["set-cookie"]
        assert set_cookie.startswith("__Host-holdfast=") and "; Secure" in set_cookie
        own = {"Cookie": set_cookie.partition(";")[0], "Holdfast-Key": answer.json()["key"]}
        assert (await http.get("/api/me", headers=own)).json()["user_id"] == "local"
    async with site.socket(headers=own) as socket:
        client = await Client(socket).synced()
        await client.send(UserInput(text="hello"))
        assert isinstance(await client.until_type(*DONE), ev.TurnComplete)
        assert len(client.messages) > 5, "frames come as they are sent"


async def test_a_refused_upgrade_says_why(site: Site) -> None:
    for path, headers, status, code in (
        ("/ws", {}, 401, b"unauthorized"),
        (f"/ws/{'0' * 32}", site.bearer, 404, b"not_found"),
        ("/ws?after=x", site.bearer, 400, b"bad_request"),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with site.socket(path, headers):
                pass
        response = refused.value.response
        assert response.status_code == status and b'"code":"%s"' % code in response.body
        assert ("WWW-Authenticate" in response.headers) == (status == 401)
    async with site.http() as http:
        plain = await http.get("/ws")
    assert (plain.status_code, plain.json()["code"]) == (426, "upgrade_required")


async def test_a_client_cannot_say_where_it_comes_from(site: Site) -> None:
    forged = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "x-forwarded-for": "9.9.9.9"}
    async with site.http() as http:
        answer = await http.get("/api/me", headers={**site.bearer, **forged})
        evil = await http.get("/api/me", headers={**site.bearer, "origin": "https://evil.example"})
    assert answer.status_code == 200 and "strict-transport-security" in answer.headers
    assert evil.status_code == 403


async def test_a_large_file_goes_up_and_comes_back(site: Site) -> None:
    data = bytes(range(256)) * (LARGE // 256)
    async with site.http() as http:
        session_id = (await http.post("/api/sessions", headers=site.bearer)).json()["session_id"]
        path = f"/api/sessions/{session_id}/files/large.bin"
        assert (await http.put(path, content=data, headers=site.bearer)).status_code == 201
        assert (await http.get(path, headers=site.bearer)).content == data
        nowhere = await http.put(f"/api/sessions/{'0' * 32}/files/a", content=b"abc", headers=site.bearer)
        assert nowhere.status_code == 404
        assert (await http.get("/api/me", headers=site.bearer)).json()["user_id"] == "local"


@in_the_long_form
async def test_a_file_above_the_limit_is_refused_in_json(site: Site) -> None:
    async with site.http() as http:
        session_id = (await http.post("/api/sessions", headers=site.bearer)).json()["session_id"]
        path = f"/api/sessions/{session_id}/files/large.bin"
        answer = await http.put(path, content=bytes(34_000_000), headers=site.bearer)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_websocket_on_http_2(site: Site) -> None:
    headers = {**site.bearer, "origin": site.proxy.origin, "sec-websocket-protocol": SUBPROTOCOL_JSON}
    try:
        socket = await Http2Socket.open(site.proxy.port, site.proxy.cert, NAME, "/ws", headers)
    except NotAnnounced:
        assert not site.proxy.sockets_on_http2
        return
    assert site.proxy.sockets_on_http2
    assert socket.status == "200"
    await socket.until(b'"type":"synced"')
    socket.close()


async def test_a_conversation_goes_on_over_a_reload(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(site.proxy.cert))
    async with SessionClient(site.proxy.origin, token=site.token) as client:
        items = await items_until(client, CaughtUp)
        await client.submit(UserInput(text="hello"))
        items += await items_until(client, ev.TurnComplete)
        await site.proxy.reload()
        if not site.proxy.keeps_sockets:
            items += await items_until(client, CaughtUp)
        await site.proxy.listens()
        await client.submit(UserInput(text="still there?"))
        items += await items_until(client, ev.TurnComplete)
        assert any(isinstance(item, Reconnecting) for item in items) != site.proxy.keeps_sockets
        assert all(item.recovered for item in items if isinstance(item, Connected) and item.again)
        async with site.socket(f"/ws/{client.session_id}", site.bearer) as socket:
            other = await Client(socket).synced()
            assert same_view(other.view, client.view)
