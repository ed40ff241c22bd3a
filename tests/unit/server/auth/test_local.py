"""Local mode: the token that is made at the first start lets in, and nothing else does."""

import logging
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from protocol.frames import Synced
from server.auth.backends.local import LocalBackend
from server.config.settings import Settings
from server.util.private_files import PrivateFileError
from tests.support.application import running, settings_for
from tests.support.browser_login import headers_of
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(guarded(tmp_path)) as server:
        yield server


def guarded(data: Path) -> Settings:
    return settings_for(data, auth={"local_token": True, "recheck_s": 0.05})


def token(data: Path) -> str:
    return (data / "token").read_text().strip()


def bearer(data: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(data)}"}


async def test_the_local_token_authenticates_over_http_and_websocket(live: Live, tmp_path: Path) -> None:
    async with http_client(live.http) as http:
        assert (await http.get("/api/sessions")).status_code == 401
        assert (await http.get("/api/sessions", headers=bearer(tmp_path))).status_code == 200
    with pytest.raises(InvalidStatus) as denied:
        await connect(live.ws)
    assert denied.value.response.status_code == 401
    assert denied.value.response.headers["www-authenticate"] == "Bearer"
    async with connect(live.ws, additional_headers=bearer(tmp_path)) as socket:
        await Client(socket).until_type(Synced)


async def test_a_token_in_the_url_is_refused(live: Live, tmp_path: Path) -> None:
    async with http_client(live.http) as http:
        for name in ("token", "access_token", "authorization", "api_key"):
            assert (await http.get(f"/api/me?{name}={token(tmp_path)}")).status_code == 401


async def test_the_token_file_is_private_and_kept_over_a_restart(tmp_path: Path) -> None:
    async with running(guarded(tmp_path)):
        first = token(tmp_path)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert len(first) >= 43, "256 random bits"
    async with running(guarded(tmp_path)):
        assert token(tmp_path) == first


async def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    way = LocalBackend(tmp_path)
    await way.open()
    way.path.chmod(0o644)
    with pytest.raises(PrivateFileError, match=r"others can read or change it \(mode 0644\)"):
        await LocalBackend(tmp_path).open()


@pytest.mark.parametrize("content", ["", "short", "two " * 20, "x" * 2_000, "\u00e9" * 40])
async def test_a_token_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(PrivateFileError, match="token"):
        await LocalBackend(tmp_path).open()


async def test_a_symbolic_link_as_the_token_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x" * 43)
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivateFileError, match="cannot be read"):
        await LocalBackend(tmp_path).open()


async def test_a_new_token_in_the_file_revokes_the_old_one_and_closes_its_sockets(live: Live, tmp_path: Path) -> None:
    old = bearer(tmp_path)
    async with connect(live.ws, additional_headers=old) as socket:
        client = Client(socket)
        await client.until_type(Synced)
        new = tmp_path / "new"
        new.touch(0o600)
        new.write_text("n" * 43)
        os.replace(new, tmp_path / "token")
        code, reason = await client.closed()
    assert code == 4401
    assert "revoked" in reason and token(tmp_path) not in reason
    async with http_client(live.http) as http:
        assert (await http.get("/api/me", headers=old)).status_code == 401
        assert (await http.get("/api/me", headers=bearer(tmp_path))).status_code == 200


async def test_without_a_token_every_local_caller_is_the_local_user_and_the_log_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "holdfast.auth"):
        async with listening(settings_for(tmp_path)) as live:
            async with http_client(live.http) as http:
                assert (await http.get("/api/me")).json()["user_id"] == "local"
    assert "no token is asked for" in caplog.text
    assert not (tmp_path / "token").exists()


async def test_the_page_exchanges_the_token_for_a_cookie(live: Live, tmp_path: Path) -> None:
    async with http_client(live.http) as http:
        answer = await http.post("/auth/local", json={"token": token(tmp_path)})
        assert answer.status_code == 200
        assert answer.json()["user_id"] == "local"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"holdfast-{live.port}=")
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and token(tmp_path) not in cookie
        own = {**headers_of(answer), "Origin": live.http}
        async with connect(live.ws, additional_headers=own) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            assert (await http.get("/api/me", headers=own)).json()["user_id"] == "local"
            assert (await http.post("/auth/logout", headers=own)).status_code == 204
            assert (await client.closed())[0] == 4401
        assert (await http.get("/api/me")).status_code == 401
        assert (await http.get("/api/me", headers=own)).status_code == 401


async def test_a_login_survives_a_restart_but_not_its_token(tmp_path: Path) -> None:
    async with listening(guarded(tmp_path)) as live:
        async with http_client(live.http) as http:
            answer = await http.post("/auth/local", json={"token": token(tmp_path)})
            value = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    async with listening(guarded(tmp_path)) as live:
        cookie = {"Cookie": f"holdfast-{live.port}={value}", "Holdfast-Key": answer.json()["key"]}
        async with http_client(live.http) as http:
            assert (await http.get("/api/me", headers=cookie)).status_code == 200
            (tmp_path / "token").unlink()
            assert (await http.get("/api/me", headers=cookie)).status_code == 401


async def test_only_the_hash_of_a_login_is_stored(tmp_path: Path) -> None:
    async with listening(guarded(tmp_path)) as live:
        async with http_client(live.http) as http:
            answer = await http.post("/auth/local", json={"token": token(tmp_path)})
        value = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    kept = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert stat.S_IMODE((tmp_path / "logins.db").stat().st_mode) == 0o600
    assert [name for name, data in kept.items() if value.encode() in data] == []
    assert [name for name, data in kept.items() if token(tmp_path).encode() in data] == ["token"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b'{"token": ""}', "application/json"),
        (b'{"token": 3}', "application/json"),
        (b'{"token": "x", "more": 1}', "application/json"),
        (b'{"token": "x"}', "text/plain"),
        (b"token=x", "application/x-www-form-urlencoded"),
        (b"x" * 20_000, "application/json"),
        (b"[" * 10_000, "application/json"),
        (b'{"token": "\\ud800"}', "application/json"),
    ],
)
async def test_a_login_body_without_a_token_is_refused(live: Live, body: bytes, kind: str) -> None:
    async with http_client(live.http) as http:
        answer = await http.post("/auth/local", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
