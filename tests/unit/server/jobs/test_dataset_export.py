"""Dataset export: finished sessions go to private datasets of their owners, with the owner's token only, and are retried over restarts."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from protocol import SUBPROTOCOL_JSON
from protocol.submissions import Shutdown, UserInput
from server.config.export import ExportSettings
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.hub.standin_hub import StandinHub, standin_hub
from tests.support.live import DONE, Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.polling import eventually

TOKENS = {name: f"hf_{name * 8}" for name in ("alice", "bobby")}


@pytest.fixture
async def hub() -> AsyncIterator[StandinHub]:
    async with standin_hub() as stand_in:
        stand_in.users.update({token: name for name, token in TOKENS.items()})
        yield stand_in


def settings(data: Path, hub: StandinHub, **export: Any) -> Settings:
    """Owners come with their Hugging Face tokens; sessions fall asleep at once."""
    quick = {"save_sessions": True, "retry_initial_s": 0.05, "retry_max_s": 0.1, "look_every_s": 0.05}
    return settings_for(
        data,
        auth={"mode": "bearer", "bearer": {"endpoint": hub.url}},
        hub={"endpoint": hub.url},
        sessions={"idle_sleep_s": 0.0},
        export={**quick, **export},
    )


def headers(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[who]}"}


async def get(live: Live, who: str, path: str) -> httpx.Response:
    async with http_client(live.http, headers=headers(who)) as http:
        return await http.get(path)


@contextlib.asynccontextmanager
async def socket(live: Live, who: str, session_id: str = "") -> AsyncIterator[Client]:
    path = f"/{session_id}" if session_id else ""
    offered: Any = [SUBPROTOCOL_JSON]
    async with connect(f"{live.ws}{path}", subprotocols=offered, additional_headers=headers(who)) as connection:
        yield await Client(connection).synced()


async def talk(live: Live, who: str, text: str, session_id: str = "") -> str:
    """A turn in a session; its id."""
    async with socket(live, who, session_id) as talker:
        await talker.send(UserInput(text=text))
        await talker.until_type(*DONE)
        return talker.ready.session_id


def files(hub: StandinHub, who: str = "alice") -> dict[str, bytes]:
    """What is in the owner's dataset; empty if there is none."""
    repo = hub.repos.store.repos.get(("dataset", f"{who}/holdfast-sessions"))
    return {} if repo is None else {path: data for path, data in repo.files.items() if path.startswith("sessions/")}


def commits(hub: StandinHub) -> int:
    return len(hub.faults.requests("/commit/"))


async def test_a_finished_session_is_exported_to_its_owners_private_dataset(hub: StandinHub, tmp_path: Path) -> None:
    async with listening(settings(tmp_path, hub)) as live:
        session_id = await talk(live, "alice", "hello there")
        await eventually(lambda: files(hub))
        exported = await get(live, "alice", f"/api/sessions/{session_id}/export")
        assert files(hub) == {f"sessions/{session_id}.jsonl": exported.content}
    assert json.loads(exported.content.splitlines()[0])["title"] == "hello there"
    assert hub.repos.repo("dataset", "alice/holdfast-sessions").private
    assert {request.token for request in hub.faults.received} == {TOKENS["alice"]}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []


async def test_a_continued_session_replaces_its_file_and_an_unchanged_one_does_not(
    hub: StandinHub, tmp_path: Path
) -> None:
    async with listening(settings(tmp_path, hub)) as live:
        session_id = await talk(live, "alice", "first")
        await eventually(lambda: files(hub))
        await talk(live, "alice", "second", session_id)
        (path,) = files(hub)
        await eventually(lambda: b"second" in files(hub)[path])
        assert list(files(hub)) == [path] and commits(hub) == 2
        async with socket(live, "alice", session_id):
            pass
        other = await talk(live, "alice", "another")
        await eventually(lambda: f"sessions/{other}.jsonl" in files(hub))
        assert commits(hub) == 3


async def test_a_session_that_was_shut_down_is_exported_with_its_last_event(hub: StandinHub, tmp_path: Path) -> None:
    async with listening(settings(tmp_path, hub)) as live:
        async with socket(live, "alice") as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(*DONE)
            await talker.send(Shutdown())
            await talker.closed()
        await eventually(lambda: any(b'"type":"shutdown"' in data.splitlines()[-1] for data in files(hub).values()))


async def test_a_session_in_use_is_not_exported(hub: StandinHub, tmp_path: Path) -> None:
    async with listening(settings(tmp_path, hub)) as live, socket(live, "alice") as talker:
        await talker.send(UserInput(text="in use"))
        await talker.until_type(*DONE)
        other = await talk(live, "alice", "finished")
        await eventually(lambda: files(hub))
        assert list(files(hub)) == [f"sessions/{other}.jsonl"]


async def test_a_failed_export_is_retried_and_delays_no_turn(hub: StandinHub, tmp_path: Path) -> None:
    hub.faults.fail(500, times=3, path="/commit/")
    silence = hub.faults.hang(path="/preupload/")
    async with listening(settings(tmp_path, hub)) as live:
        session_id = await talk(live, "alice", "a cat")
        await silence.came.wait()
        assert await talk(live, "alice", "a dog", session_id) == session_id
        silence.let_go.set()
        await eventually(lambda: any(b"a dog" in data for data in files(hub).values()))
    assert commits(hub) >= 4


async def test_a_failure_delays_its_owner_alone(hub: StandinHub, tmp_path: Path) -> None:
    hub.faults.fail(503, times=1_000, path="/api/datasets/alice")
    async with listening(settings(tmp_path, hub)) as live:
        await talk(live, "alice", "of alice")
        await requested(hub, "/api/datasets/alice")
        theirs = await talk(live, "bobby", "of bobby")
        await eventually(lambda: files(hub, "bobby"))
        hub.faults.heal()
        await eventually(lambda: files(hub))
    assert list(files(hub, "bobby")) == [f"sessions/{theirs}.jsonl"]
    for name, token in TOKENS.items():
        requests = hub.faults.requests(f"/api/datasets/{name}/")
        assert requests and {one.token for one in requests} == {token}


async def requested(hub: StandinHub, path: str) -> None:
    await eventually(lambda: hub.faults.requests(path))


async def test_nothing_is_exported_to_a_public_dataset(
    hub: StandinHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.repos.store.create("dataset", "alice/holdfast-sessions", private=False, by="alice")
    async with listening(settings(tmp_path, hub)) as live:
        await talk(live, "alice", "hello")
        await eventually(lambda: "is public" in caplog.text)
        assert commits(hub) == 0
        hub.repos.repo("dataset", "alice/holdfast-sessions").private = True
        await eventually(lambda: files(hub))


async def test_an_export_missed_before_a_restart_is_made_when_the_owner_connects(
    hub: StandinHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.faults.fail(500, times=1_000, path="/api/repos/create")
    async with listening(settings(tmp_path, hub)) as live:
        session_id = await talk(live, "alice", "before the restart")
        await requested(hub, "/api/repos/create")
    hub.faults.heal()
    async with listening(settings(tmp_path, hub)) as live:
        await eventually(lambda: "once the owner logs in" in caplog.text)
        assert files(hub) == {}
        assert (await get(live, "alice", "/api/me")).status_code == 200
        await eventually(lambda: files(hub))
    assert list(files(hub)) == [f"sessions/{session_id}.jsonl"]
    assert caplog.text.count("once the owner logs in") == 1


async def test_the_file_holds_no_secret(hub: StandinHub, tmp_path: Path) -> None:
    canary = "sk-" + "canary0" * 6
    async with listening(settings(tmp_path, hub)) as live:
        await talk(live, "alice", f"my key is {canary}, and my token {TOKENS['alice']}")
        await eventually(lambda: files(hub))
    (data,) = files(hub).values()
    assert b"[redacted" in data
    assert canary.encode() not in data and TOKENS["alice"].encode() not in data


async def test_a_session_too_large_is_never_exported(
    hub: StandinHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(settings(tmp_path, hub, file_bytes_max=8_000)) as live:
        await talk(live, "alice", "x" * 10_000)
        await eventually(lambda: "too large to export" in caplog.text)
        small = await talk(live, "alice", "small")
        await eventually(lambda: files(hub))
    assert list(files(hub)) == [f"sessions/{small}.jsonl"]
    assert caplog.text.count("too large to export") == 1


async def test_nothing_is_exported_by_default(hub: StandinHub, tmp_path: Path) -> None:
    async with listening(settings(tmp_path, hub, save_sessions=False)) as live:
        session_id = await talk(live, "alice", "hello")
        await eventually(lambda: live.manager.registry.get(session_id) is None)
        await talk(live, "alice", "again")
    assert hub.faults.requests("/api/repos/create") == []


async def test_exports_are_counted_by_outcome(hub: StandinHub, tmp_path: Path) -> None:
    hub.faults.fail(500, times=2, path="/commit/")
    async with listening(settings(tmp_path, hub)) as live:
        await talk(live, "alice", "hello")
        await eventually(lambda: files(hub))
        app: Any = live.server.config.app
        text = app.state.parts.metrics.text().decode()
        await eventually(
            lambda: 'holdfast_exports_total{outcome="success"} 1.0' in app.state.parts.metrics.text().decode()
        )
    assert 'holdfast_exports_total{outcome="failure"} 2.0' in text


@pytest.mark.parametrize("repo", ["somebody/sessions", "{user}", "{user}/a/b", "{user}/../x", "holdfast", "{user}/"])
def test_only_a_dataset_of_the_owners_own_can_be_named(repo: str) -> None:
    with pytest.raises(ValueError, match="session_dataset_repo"):
        ExportSettings(session_dataset_repo=repo)
