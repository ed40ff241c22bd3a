"""Origin keys: a cookie that other programs of the machine get too is worth nothing without the key that the page keeps."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_KEY
from server.auth.login_store import FILE, SqliteLoginStore
from server.auth.origin_keys import read_keys
from server.http.table import access_rules
from server.websocket.endpoint import WEBSOCKET_RULES
from tests.integration.test_matrix import METHODS, filled
from tests.support.application import settings_for
from tests.support.browser_login import cookie_of, headers_of
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.users import users

GUARDED = [(rule.path, rule.by_link) for rule in access_rules() if rule.need not in ("nothing", "optional")]


@contextlib.asynccontextmanager
async def local(data: Path) -> AsyncIterator[tuple[Live, httpx.AsyncClient, httpx.Response]]:
    """A server in local mode, a client without credentials, and the answer of a login."""
    async with listening(settings_for(data, auth={"local_token": True, "recheck_s": 0.05})) as live:
        async with http_client(live.http) as http:
            answer = await http.post("/auth/local", json={"token": (data / "token").read_text().strip()})
            http.cookies.clear()
            yield live, http, answer


async def upgrade(live: Live, path: str, headers: dict[str, str], offered: Any = (SUBPROTOCOL_JSON,)) -> int | str:
    """The status of a refused upgrade, or the subprotocol that was chosen (empty: none)."""
    url = f"{live.http.replace('http', 'ws')}{filled(path)}"
    try:
        async with connect(url, additional_headers=headers, subprotocols=offered or None) as socket:
            return str(socket.subprotocol or "")
    except InvalidStatus as refused:
        return refused.response.status_code


async def opened_by(live: Live, http: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    """The endpoints that answer anything but 401 to these headers."""
    own = {**headers, "Origin": live.http}
    found: list[str] = []
    for path, _ in GUARDED:
        for method in METHODS:
            if (await http.request(method, filled(path), headers=own)).status_code != 401:
                found.append(f"{method} {path}")
    for rule in WEBSOCKET_RULES:
        if await upgrade(live, rule.path, own) != 401:
            found.append(f"WEBSOCKET {rule.path}")
    return found


BY_LINK = [f"GET {path}" for path, by_link in GUARDED if by_link]


async def test_the_cookie_alone_opens_nothing_but_downloads_of_files(tmp_path: Path) -> None:
    assert [f"GET /api/sessions/{{session_id}}/{what}" for what in ("archive", "files/{path:path}")] == BY_LINK
    async with local(tmp_path) as (live, http, answer):
        assert await opened_by(live, http, cookie_of(answer)) == BY_LINK
        refused = await http.get("/api/me", headers=cookie_of(answer))
        assert "Holdfast-Key" in refused.json()["message"]
        assert "model" not in (await http.get("/api/config", headers=cookie_of(answer))).json()


async def test_the_cookie_of_a_link_alone_opens_nothing_but_downloads_of_files(tmp_path: Path) -> None:
    async with users(tmp_path, auth={"failures_per_minute": 1_000}) as found, found.socket("alice") as owner:
        session_id = owner.ready.session_id
        async with found.http("alice") as http:
            await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"kept")
            made = (await http.post(f"/api/sessions/{session_id}/shares", json={"access": "drive"})).json()
        async with http_client(found.live.http) as http:
            answer = await http.post("/auth/share", json={"token": made["secret"]})
            http.cookies.clear()
            value = cookie_of(answer)["Cookie"].partition("=")[2]
            assert made["secret"] not in value
            assert await opened_by(found.live, http, {"Authorization": f"Bearer {value}"}) == []
            assert await opened_by(found.live, http, cookie_of(answer)) == BY_LINK
            path = f"/api/sessions/{session_id}"
            assert (await http.get(f"{path}/files/a.txt", headers=cookie_of(answer))).content == b"kept"
            assert (await http.get(path, headers=headers_of(answer))).status_code == 200
            other = await http.post("/auth/share", json={"token": made["secret"]})
            http.cookies.clear()
            mixed = {**cookie_of(answer), "Holdfast-Key": other.json()["key"]}
            assert (await http.get(path, headers=mixed)).status_code == 401, "each cookie has a key of its own"
            raw = {"Cookie": f"{cookie_of(answer)['Cookie'].partition('=')[0]}={made['secret']}"}
            assert (await http.get(path, headers=raw)).status_code == 401, "a cookie of an older version"
            async with found.http("alice") as owners:
                await owners.delete(f"{path}/shares/{made['share_id']}")
            assert (await http.get(path, headers=headers_of(answer))).status_code == 401


async def test_the_key_is_taken_from_a_header_and_from_a_subprotocol_which_is_never_chosen(tmp_path: Path) -> None:
    async with local(tmp_path) as (live, http, answer):
        assert (await http.get("/api/me", headers=headers_of(answer))).status_code == 200
        own, key = {**cookie_of(answer), "Origin": live.http}, SUBPROTOCOL_KEY + answer.json()["key"]
        assert await upgrade(live, "/ws", own, [SUBPROTOCOL_JSON, key]) == SUBPROTOCOL_JSON
        assert await upgrade(live, "/ws", own, [key, SUBPROTOCOL_JSON]) == SUBPROTOCOL_JSON
        assert await upgrade(live, "/ws", own, [key]) == ""
        assert await upgrade(live, "/ws", {**own, "Holdfast-Key": answer.json()["key"]}, ()) == ""
        assert await upgrade(live, "/ws", own, [SUBPROTOCOL_JSON, key + "x"]) == 401
        assert await upgrade(live, "/ws", {"Origin": live.http}, [SUBPROTOCOL_JSON, key]) == 401, "no cookie"


async def test_a_file_is_downloaded_by_a_link_with_the_cookie_alone(tmp_path: Path) -> None:
    async with local(tmp_path) as (live, http, answer):
        own = {**headers_of(answer), "Origin": live.http}
        session_id = (await http.post("/api/sessions", headers=own)).json()["session_id"]
        path = f"/api/sessions/{session_id}/files/a.txt"
        assert (await http.put(path, content=b"kept", headers=own)).status_code == 201
        assert (await http.get(path, headers=cookie_of(answer))).content == b"kept"
        alone = {**cookie_of(answer), "Origin": live.http}
        assert (await http.put(path, content=b"other", headers=alone)).status_code == 401


async def test_a_cookie_without_its_key_logs_nobody_out(tmp_path: Path) -> None:
    async with local(tmp_path) as (live, http, answer):
        await http.post("/auth/logout", headers={**cookie_of(answer), "Origin": live.http})
        assert (await http.get("/api/me", headers=headers_of(answer))).status_code == 200
        await http.post("/auth/logout", headers={**headers_of(answer), "Origin": live.http})
        assert (await http.get("/api/me", headers=headers_of(answer))).status_code == 401


async def test_programs_with_the_token_need_no_key(tmp_path: Path) -> None:
    async with local(tmp_path) as (live, http, _):
        own = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        assert (await http.get("/api/me", headers=own)).status_code == 200
        async with connect(live.ws, additional_headers=own) as socket:
            await Client(socket).synced()


async def test_beyond_this_machine_the_cookie_needs_no_key_and_one_of_this_machine_does_not_count_there(
    tmp_path: Path,
) -> None:
    async with users(tmp_path, auth={"allowed_hosts": ["box.example"]}) as found:
        token = {"token": found.headers("alice")["Authorization"].split()[1]}
        async with http_client(found.live.http) as http:
            there = await http.post("/auth/token", json=token, headers={"Host": "box.example"})
            assert there.headers["set-cookie"].startswith("__Host-holdfast=") and "key" not in there.json()
            http.cookies.clear()
            own = {**cookie_of(there), "Host": "box.example"}
            assert (await http.get("/api/me", headers=own)).status_code == 200
            here = await http.post("/auth/token", json=token)
            http.cookies.clear()
            stolen = cookie_of(here)["Cookie"].partition("=")[2]
            moved = {"Cookie": f"__Host-holdfast={stolen}", "Host": "box.example"}
            assert (await http.get("/api/me", headers=moved)).status_code == 401
            renamed = {"Cookie": f"holdfast-{found.live.port}={cookie_of(there)['Cookie'].partition('=')[2]}"}
            assert (await http.get("/api/me", headers=renamed)).status_code == 401


async def test_a_login_of_an_older_version_is_over_on_this_machine(tmp_path: Path) -> None:
    async with local(tmp_path) as (_, _, answer):
        value = cookie_of(answer)["Cookie"].partition("=")[2]
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("ALTER TABLE logins DROP COLUMN key_hash")
        db.execute("PRAGMA user_version = 1")
    with contextlib.closing(SqliteLoginStore(tmp_path)) as store:
        assert [login.key_hash for login in store.load()] == [b""]
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        async with http_client(live.http) as http:
            own = {"Cookie": f"holdfast-{live.port}={value}", "Holdfast-Key": answer.json()["key"]}
            assert (await http.get("/api/me", headers=own)).status_code == 401


async def test_only_hashes_of_keys_are_stored(tmp_path: Path) -> None:
    async with local(tmp_path) as (_, _, answer):
        key = answer.json()["key"]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and key.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        ([(b"holdfast-key", b"hfk_a")], ["hfk_a"]),
        ([(b"holdfast-key", b"hfk_a, hfk_b"), (b"holdfast-key", b"hfk_c")], ["hfk_a", "hfk_b", "hfk_c"]),
        ([(b"holdfast-key", b"a, , hfl_a")], []),
        ([(b"sec-websocket-protocol", b"holdfast.v1.json,holdfast.key.hfk_a ")], ["hfk_a"]),
        ([(b"sec-websocket-protocol", b"hfk_a")], []),
        ([(b"holdfast-key", b"hfk_\xff")], ["hfk_\u00ff"]),
        ([(b"holdfast-key", b"hfk_a," * 1_000)], ["hfk_a"] * 4),
        ([(b"cookie", b"hfk_a")], []),
    ],
)
def test_keys_are_read_from_headers_and_few_of_them(headers: list[tuple[bytes, bytes]], keys: list[str]) -> None:
    assert read_keys(headers) == keys
