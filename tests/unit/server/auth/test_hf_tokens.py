"""Hugging Face tokens: the Hub names their user, and is asked seldom."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from agent.util.executors import Executors
from agent.util.tasks import TaskOwner
from protocol.frames import Synced
from server.auth.backends.hf_tokens import HfTokenBackend
from server.auth.encryption import create_cipher
from server.auth.login_store import SqliteLoginStore
from server.auth.own_logins import OwnLogins
from server.auth.principal import Principal
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.hub.standin_hub import StandinHub, standin_hub
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client

ADA, BOB = "hf_" + "a" * 34, "hf_" + "b" * 34


def guarded(data: Path, hub: StandinHub, bearer: dict[str, Any] | None = None, **auth: Any) -> Settings:
    bounds = {"endpoint": hub.url, "timeout_s": 5.0, **(bearer or {})}
    return settings_for(data, auth={"mode": "bearer", "recheck_s": 0.05, "bearer": bounds, **auth})


@pytest.fixture
async def hub() -> AsyncIterator[StandinHub]:
    async with standin_hub() as stand_in:
        stand_in.users = {ADA: "ada", BOB: "bob"}
        yield stand_in


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def me(live: Live, token: str) -> httpx.Response:
    async with http_client(live.http, timeout=20) as http:
        return await http.get("/api/me", headers=headers(token))


async def test_a_hub_token_authenticates_its_user_with_one_request_to_the_hub(tmp_path: Path, hub: StandinHub) -> None:
    async with listening(guarded(tmp_path, hub)) as live:
        for _ in range(3):
            body = (await me(live, ADA)).json()
            assert (body["user_id"], body["name"], body["rights"]) == ("id-ada", "ada", ["sessions"])
        async with connect(live.ws, additional_headers=headers(ADA)) as socket:
            await Client(socket).until_type(Synced)
    assert hub.requests == {ADA: 1}


async def test_concurrent_requests_share_one_check_of_a_token(
    tmp_path: Path, hub: StandinHub, tasks: TaskOwner
) -> None:
    hub.open.clear()
    async with listening(guarded(tmp_path, hub)) as live:
        requests = [tasks.start(me(live, ADA), "ask") for _ in range(10)]
        await hub.busy.wait()
        hub.open.set()
        assert [answer.status_code for answer in await asyncio.gather(*requests)] == [200] * 10
    assert hub.requests == {ADA: 1}


async def test_a_refused_token_is_cached_for_a_while(tmp_path: Path, hub: StandinHub) -> None:
    wrong = "hf_" + "x" * 34
    async with listening(guarded(tmp_path, hub)) as live:
        answers = [await me(live, wrong) for _ in range(3)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "unauthorized")] * 3
    assert hub.requests == {wrong: 1}
    assert wrong not in "".join(answer.text for answer in answers)


async def test_a_string_that_is_no_hub_token_is_not_sent_to_the_hub(tmp_path: Path, hub: StandinHub) -> None:
    async with listening(guarded(tmp_path, hub)) as live:
        for token in ("sk-somebody-elses-secret", "x", "HF_" + "a" * 34):
            assert (await me(live, token)).status_code == 401
    assert not hub.requests


async def test_requests_to_the_hub_are_limited(tmp_path: Path, hub: StandinHub, tasks: TaskOwner) -> None:
    hub.open.clear()
    settings = guarded(tmp_path, hub, {"asked_at_once_max": 2, "waiting_max": 3})
    async with listening(settings) as live:
        requests = [tasks.start(me(live, f"hf_{n}"), "ask") for n in range(12)]
        waiting = set(requests)
        async with asyncio.timeout(20):
            while len(waiting) > 5 or hub.at_once < 2:
                _, waiting = await asyncio.wait(waiting, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        hub.open.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*requests))
    assert statuses == [401] * 5 + [503] * 7
    assert hub.most_at_once == 2


async def test_an_address_that_guesses_is_throttled_without_locking_others_out(tmp_path: Path, hub: StandinHub) -> None:
    async with listening(guarded(tmp_path, hub, failures_per_minute=3)) as live:
        assert (await me(live, ADA)).status_code == 200
        statuses = [(await me(live, f"hf_wrong{n}")).status_code for n in range(6)]
        assert statuses == [401, 401, 401, 429, 429, 429]
        tired = await me(live, "hf_wrong")
        assert int(tired.headers["retry-after"]) >= 1 and tired.json()["code"] == "too_many_attempts"
        assert hub.requests["hf_wrong"] == 0, "one who has worn out is not asked about"
        assert (await me(live, ADA)).status_code == 200


async def test_a_token_revoked_at_the_hub_closes_its_sockets(tmp_path: Path, hub: StandinHub) -> None:
    async with listening(guarded(tmp_path, hub, {"cached_s": 0.1})) as live:
        async with connect(live.ws, additional_headers=headers(ADA)) as socket:
            client = Client(socket)
            await client.until_type(Synced)
            del hub.users[ADA]
            assert await client.closed() == (4401, "the credentials were revoked; log in and come back")
        assert (await me(live, ADA)).status_code == 401


async def test_while_the_hub_is_unreachable_known_tokens_stay_valid_and_new_ones_must_wait(
    tmp_path: Path, hub: StandinHub
) -> None:
    async with listening(guarded(tmp_path, hub, {"cached_s": 0.0})) as live:
        assert (await me(live, ADA)).status_code == 200
        hub.status = 500
        assert (await me(live, ADA)).status_code == 200
        answer = await me(live, BOB)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "retry-after" in answer.headers and BOB not in answer.text
        hub.status = None
        assert (await me(live, BOB)).status_code == 200


async def test_an_answer_of_the_hub_holds_no_longer_when_the_machines_clock_is_set_back(
    tmp_path: Path, hub: StandinHub
) -> None:
    settings = guarded(tmp_path, hub, {"cached_s": 60.0})
    logins = OwnLogins(SqliteLoginStore(tmp_path), Executors().server, 4, 2)
    elapsed = [0.0]
    threads = Executors().identity
    backend = HfTokenBackend(settings.auth, logins, create_cipher("", tmp_path), threads, lambda: elapsed[0])
    before = 1_000_000.0
    assert isinstance(await backend.authenticate_remote(ADA, before), Principal)
    elapsed[0] = 59.0
    assert backend.authenticate_local(ADA, before - 1_000.0) is not None
    elapsed[0] = 61.0
    assert backend.authenticate_local(ADA, before - 1_000.0) is None
    await backend.aclose()
    await threads.aclose()
    await logins.aclose()


async def test_a_cached_success_expires(tmp_path: Path, hub: StandinHub) -> None:
    async with listening(guarded(tmp_path, hub, {"cached_s": 0.0, "unreachable_s": 0.0})) as live:
        assert (await me(live, ADA)).status_code == 200
        hub.status = 500
        assert (await me(live, ADA)).status_code == 503


async def test_only_allowed_users_are_admitted(tmp_path: Path, hub: StandinHub) -> None:
    settings = guarded(tmp_path, hub, allowed_users=["id-ada", "bob"], admins=["id-carol"])
    hub.users["hf_carol"] = "carol"
    async with listening(settings) as live:
        assert (await me(live, ADA)).status_code == 200
        assert (await me(live, BOB)).status_code == 401, "users are listed by id, not by name"
        assert (await me(live, "hf_carol")).json()["rights"] == ["admin", "metrics", "sessions"]
        hub.kind = "org"
        hub.users["hf_org"] = "ada"
        assert (await me(live, "hf_org")).status_code == 401


async def test_a_login_from_a_hub_token_survives_a_restart_and_reaches_the_owners_tools(
    tmp_path: Path, hub: StandinHub
) -> None:
    settings = guarded(tmp_path, hub)
    async with listening(settings) as live:
        async with http_client(live.http) as http:
            answer = await http.post("/auth/token", json={"token": ADA})
            cookie = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or ADA.encode() not in path.read_bytes(), path
    async with listening(settings) as live:
        running = live.server._app.state.running
        assert await running.authenticator.hub_token("id-ada") == ADA
        assert await running.authenticator.hub_token("id-bob") is None
        async with http_client(live.http) as http:
            own = {"Cookie": f"holdfast-{live.port}={cookie}", "Holdfast-Key": answer.json()["key"]}
            assert (await http.get("/api/me", headers=own)).json()["user_id"] == "id-ada"
            del hub.users[ADA]
    async with listening(settings) as live:
        async with http_client(live.http) as http:
            own = {"Cookie": f"holdfast-{live.port}={cookie}", "Holdfast-Key": answer.json()["key"]}
            assert (await http.get("/api/me", headers=own)).status_code == 401
