"""API tokens: kept as hashes, made and revoked while the server runs, each with its user, rights and end."""

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from protocol.frames import Synced
from server.auth.backends.api_tokens import new_token, read_tokens, write_tokens
from server.auth.principal import Right
from server.cli.tokens import read_rights, read_time_s
from server.config.settings import Settings
from server.util.private_files import PrivateFileError
from tests.support.application import settings_for
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client
from tests.unit.server.cli.test_main import HOLDFAST, run


def guarded(data: Path) -> Settings:
    return settings_for(data, auth={"mode": "tokens", "recheck_s": 0.05})


def add(data: Path, user: str, *rights: Right, lasts_s: float | None = None) -> str:
    """A token in the file; its secret."""
    path = data / "tokens.json"
    now = time.time()
    kept, secret = new_token(user, list(rights) or ["sessions"], now, None if lasts_s is None else now + lasts_s)
    write_tokens(path, [*read_tokens(path), kept])
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(guarded(tmp_path)) as server:
        yield server


@pytest.fixture
async def http(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(live.http) as session:
        yield session


async def test_an_added_token_works_at_once(http: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await http.get("/api/me", headers=bearer("hft_wrong"))).status_code == 401
    secret = add(tmp_path, "ada", "sessions", "metrics")
    me = (await http.get("/api/me", headers=bearer(secret))).json()
    assert (me["user_id"], me["rights"]) == ("ada", ["metrics", "sessions"])


async def test_a_revoked_token_closes_only_its_own_sockets(live: Live, http: httpx.AsyncClient, tmp_path: Path) -> None:
    ada, bob = add(tmp_path, "ada"), add(tmp_path, "bob")
    async with connect(live.ws, additional_headers=bearer(ada)) as hers:
        async with connect(live.ws, additional_headers=bearer(bob)) as his:
            ends, stays = Client(hers), Client(his)
            await ends.until_type(Synced)
            await stays.until_type(Synced)
            revoked = next(kept.id for kept in read_tokens(tmp_path / "tokens.json") if kept.user == "ada")
            code, out, _ = await run(HOLDFAST, "token", "revoke", revoked, "--data", str(tmp_path))
            assert (code, out) == (0, f"token {revoked} is revoked\n")
            assert await ends.closed() == (4401, "the credentials were revoked; log in and come back")
            await his.ping()
            assert (await http.get("/api/me", headers=bearer(ada))).status_code == 401
            assert (await http.get("/api/me", headers=bearer(bob))).status_code == 200
            assert his.close_code is None


async def test_a_token_that_expires_closes_its_sockets_when_it_does(live: Live, tmp_path: Path) -> None:
    began = time.time()
    secret = add(tmp_path, "ada", lasts_s=1.0)
    async with connect(live.ws, additional_headers=bearer(secret)) as socket:
        assert await Client(socket).closed() == (4401, "the credentials expired; log in and come back")
    assert time.time() >= began + 1.0


async def test_a_token_that_loses_rights_closes_its_sockets(live: Live, tmp_path: Path) -> None:
    secret = add(tmp_path, "ada", "sessions", "metrics")
    path = tmp_path / "tokens.json"
    async with connect(live.ws, additional_headers=bearer(secret)) as socket:
        client = Client(socket)
        await client.until_type(Synced)
        path.write_text(path.read_text().replace('"metrics"', '"sessions"'))
        assert (await client.closed())[0] == 4401


async def test_a_login_lasts_no_longer_than_its_token(live: Live, http: httpx.AsyncClient, tmp_path: Path) -> None:
    secret = add(tmp_path, "ada", lasts_s=3_600)
    answer = await http.post("/auth/token", json={"token": secret})
    assert answer.status_code == 200
    assert answer.json()["expires_at"] <= time.time() + 3_600
    http.headers["Holdfast-Key"] = answer.json()["key"]
    assert (await http.get("/api/me")).json()["user_id"] == "ada"
    write_tokens(tmp_path / "tokens.json", [])
    assert (await http.get("/api/me")).status_code == 401


async def test_sessions_belong_to_users_and_not_to_tokens(live: Live, http: httpx.AsyncClient, tmp_path: Path) -> None:
    one, other, bob = add(tmp_path, "ada"), add(tmp_path, "ada"), add(tmp_path, "bob")
    async with connect(live.ws, additional_headers=bearer(one)) as socket:
        session_id = (await Client(socket).synced()).ready.session_id
    answers = [await http.get(f"/api/sessions/{session_id}", headers=bearer(secret)) for secret in (one, other, bob)]
    assert [answer.status_code for answer in answers] == [200, 200, 404]


async def test_a_broken_token_file_changes_nothing_and_is_logged(
    http: httpx.AsyncClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = add(tmp_path, "ada")
    assert (await http.get("/api/me", headers=bearer(secret))).status_code == 200
    (tmp_path / "tokens.json").write_text('{"tokens": [')
    with caplog.at_level(logging.ERROR, "holdfast.auth"):
        assert (await http.get("/api/me", headers=bearer(secret))).status_code == 200
    assert "the tokens stay as they were" in caplog.text and secret not in caplog.text
    (tmp_path / "tokens.json").unlink()
    assert (await http.get("/api/me", headers=bearer(secret))).status_code == 401


@pytest.mark.parametrize("content", ["[]", '{"tokens": [{}]}', '{"tokens": [], "more": 1}', "\xff", "[" * 10_000])
def test_a_file_that_holds_no_tokens_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(PrivateFileError, match="is not a file of tokens"):
        read_tokens(path)


def test_a_file_of_tokens_that_others_can_change_is_refused(tmp_path: Path) -> None:
    add(tmp_path, "ada")
    (tmp_path / "tokens.json").chmod(0o660)
    with pytest.raises(PrivateFileError, match="others can read or change it"):
        read_tokens(tmp_path / "tokens.json")


def test_the_token_file_is_private_and_holds_only_hashes(tmp_path: Path) -> None:
    secret = add(tmp_path, "ada")
    path = tmp_path / "tokens.json"
    assert secret not in path.read_text() and secret.removeprefix("hft_") not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["tokens.json"]


async def test_the_command_makes_lists_and_revokes_tokens(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    code, secret, err = await run(
        HOLDFAST, "token", "add", "ada", "--rights", "sessions,admin", "--expires", "30d", "--note", "her laptop", *data
    )
    assert code == 0 and secret.startswith("hft_") and len(secret.strip()) >= 47
    assert "of ada (admin, sessions; until " in err
    code, listed, _ = await run(HOLDFAST, "token", "list", *data)
    assert code == 0 and "her laptop" in listed and "admin,sessions" in listed and secret.strip() not in listed
    token_id = listed.splitlines()[1].split()[0]
    assert (await run(HOLDFAST, "token", "revoke", token_id, *data))[0] == 0
    code, out, err = await run(HOLDFAST, "token", "revoke", token_id, *data)
    assert (code, out) == (1, "") and "there is no token" in err
    code, listed, err = await run(HOLDFAST, "token", "list", *data)
    assert (code, len(listed.splitlines())) == (0, 1) and f"there are no tokens in {tmp_path}" in err


async def test_tokens_made_concurrently_are_all_stored(tmp_path: Path) -> None:
    made = await asyncio.gather(*(run(HOLDFAST, "token", "add", f"user{n}", "--data", str(tmp_path)) for n in range(4)))
    assert [code for code, _, _ in made] == [0] * 4
    assert {kept.user for kept in read_tokens(tmp_path / "tokens.json")} == {"user0", "user1", "user2", "user3"}


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (["add", "../x"], "is no user"),
        (["add", ""], "is no user"),
        (["add", "a", "--rights", "all"], "--rights 'all': must be of sessions, metrics, admin"),
        (["add", "a", "--rights", ","], "--rights"),
        (["add", "a", "--expires", "0d"], "--expires '0d'"),
        (["add", "a", "--note", "x\ny"], "--note"),
    ],
)
async def test_wrong_usage_makes_no_token(tmp_path: Path, args: list[str], fault: str) -> None:
    code, out, err = await run(HOLDFAST, "token", *args, "--data", str(tmp_path))
    assert (code, out) == (2, "") and fault in err
    assert read_tokens(tmp_path / "tokens.json") == []


def test_times_and_rights_are_parsed() -> None:
    assert [read_time_s(text) for text in ("90m", "12h", "30d")] == [5_400, 43_200, 2_592_000]
    assert read_rights(" metrics , sessions,metrics") == ["sessions", "metrics"]
