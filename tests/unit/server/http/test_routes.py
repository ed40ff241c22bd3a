"""HTTP routes: over a real socket."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from protocol import events as ev
from protocol.submissions import UserInput
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import Call, Hang, ScriptedModel, calls, stream
from tests.support.network.http_client import http_client


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path)) as server:
        yield server


@pytest.fixture
async def http(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(live.http) as session:
        yield session


async def test_a_sessions_info_is_listed_and_shown(live: Live, http: httpx.AsyncClient) -> None:
    async with client(live) as talker:
        await talker.send(UserInput(text="hello there"))
        await talker.until_type(*DONE)
        session_id = talker.ready.session_id
        info = (await http.get(f"/api/sessions/{session_id}")).json()
        assert info == (await http.get("/api/sessions")).json()["sessions"][0]
        assert info["title"] == "hello there"
        assert (info["is_active"], info["is_processing"], info["message_count"]) == (True, False, 2)
        assert (info["epoch"], info["seq"]) == (talker.ready.epoch, talker.view.seq)


async def test_a_list_that_is_as_it_was_is_not_sent_again(live: Live, http: httpx.AsyncClient) -> None:
    async with client(live) as one:
        await one.synced()
        first = await http.get("/api/sessions")
        seen = {"if-none-match": first.headers["etag"]}
        same = await http.get("/api/sessions", headers=seen)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
        async with client(live) as another:
            await another.synced()
            assert len((await http.get("/api/sessions", headers=seen)).json()["sessions"]) == 2


async def test_a_session_is_pinned_or_archived_without_being_woken_or_moved(
    live: Live, http: httpx.AsyncClient
) -> None:
    async with client(live) as first, client(live) as second:
        await first.synced()
        await second.synced()
        path, other = (f"/api/sessions/{one.ready.session_id}" for one in (first, second))
        before = (await http.get(path)).json()
        assert "listed" not in before
        changed = (await http.patch(path, json={"listed": "archived"})).json()
        assert changed == before | {"listed": "archived"} == (await http.get(path)).json()
        await first.send(UserInput(text="hello there"))  # its actor stores its row again
        await first.until_type(*DONE)
        assert (await http.get(path)).json()["listed"] == "archived"
        await http.patch(other, json={"listed": "pinned"})
        for query, count in {"": 2, "?listed=": 0, "?listed=pinned": 1, "?listed=archived&search=HELLO": 1}.items():
            assert len((await http.get(f"/api/sessions{query}")).json()["sessions"]) == count
        assert "listed" not in (await http.patch(other, json={"listed": ""})).json()
        for body in ('{"listed": "lost"}', "{}", '{"listed": "", "title": "x"}', "[]", " " * 2_000):
            assert (await http.patch(other, content=body)).status_code == 400
        assert (await http.get("/api/sessions?listed=lost")).status_code == 400
        assert (await http.patch("/api/sessions/nowhere", json={"listed": ""})).status_code == 404


async def test_a_waiting_approval_is_part_of_the_info(tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "a", "content": "x"}, id="c1"))]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live, client(live) as talker:
        await talker.send(UserInput(text="write"))
        await talker.until_type(ev.ApprovalRequired)
        async with http_client(live.http) as http:
            info = (await http.get(f"/api/sessions/{talker.ready.session_id}")).json()
        (pending,) = info["pending_approval"]
        assert (pending["tool"], pending["tool_call_id"], pending["arguments"]["path"]) == ("write", "c1", "a")
        assert info["state"] == "awaiting_approval"


async def test_the_events_of_a_session_are_read_page_by_page(live: Live, http: httpx.AsyncClient) -> None:
    async with client(live) as talker:
        await talker.send(UserInput(text="hello"))
        await talker.until_type(*DONE)
        session_id = talker.ready.session_id
    read, after = [], 0
    while True:
        page = (await http.get(f"/api/sessions/{session_id}/events", params={"after": after, "limit": 3})).json()
        read += page["events"]
        after = page["next_after"]
        if not page["more"]:
            break
    assert read[0]["type"] == "accepted"
    assert read[-1]["type"] == "turn_complete"
    one = await http.get(f"/api/sessions/{session_id}/events/{read[-1]['seq']}")
    assert one.json() == read[-1]
    for seq, status in ((0, 404), (page["seq"] + 1, 404), ("x", 400)):
        assert (await http.get(f"/api/sessions/{session_id}/events/{seq}")).status_code == status
    covered = 0
    for event in read:
        assert event.get("first_seq", event["seq"]) == covered + 1
        covered = event["seq"]
    assert covered == page["seq"]


async def test_a_deleted_session_is_gone_for_everyone(live: Live, http: httpx.AsyncClient) -> None:
    async with client(live) as talker:
        await talker.synced()
        session_id = talker.ready.session_id
        assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 204
        assert (await talker.closed())[0] == 4404
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        answer = await http.request(method, f"/api/sessions/{session_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_config_names_the_model_and_whether_it_is_the_demo(http: httpx.AsyncClient) -> None:
    config = (await http.get("/api/config")).json()
    assert config["user"] == (await http.get("/api/me")).json()
    assert (config["model"], config["demo"]) == ("demo", True)
    assert config["limits"]["inbound_message_bytes"] == 1_048_576


async def test_livez_readyz_and_metrics_answer(live: Live, http: httpx.AsyncClient) -> None:
    assert (await http.get("/livez")).status_code == 200
    assert (await http.get("/readyz")).status_code == 200
    assert "holdfast_sessions_awake" in (await http.get("/metrics")).text
    assert (await http.get("/api/me")).json()["user_id"] == "local"
    await live.manager.registry.drain("stopping")
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/livez")).status_code == 200


async def test_the_schema_documents_are_served(http: httpx.AsyncClient) -> None:
    assert (await http.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
    assert "$defs" in (await http.get("/schema.json")).json()


async def test_the_page_is_served(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert "wscat -c ws://" in page.text
    assert "/static/page.js" in page.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing", 404, "not_found"),
        ("/api/sessions/none", 404, "not_found"),
        ("/auth/login", 404, "not_found"),
    ],
)
async def test_an_unknown_path_is_404_in_json(http: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=100000", "after=" + "9" * 40])
async def test_a_bad_parameter_is_named(live: Live, http: httpx.AsyncClient, query: str) -> None:
    async with client(live) as talker:
        await talker.synced()
        answer = await http.get(f"/api/sessions/{talker.ready.session_id}/events?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


async def test_a_foreign_origin_or_host_is_refused_on_every_route(http: httpx.AsyncClient) -> None:
    for path in ("/", "/livez", "/api/sessions", "/api/config"):
        for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            answer = await http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_created_session_accepts_a_socket(live: Live, http: httpx.AsyncClient) -> None:
    made = await http.post("/api/sessions")
    assert made.status_code == 201
    info = made.json()
    assert made.headers["location"] == f"/api/sessions/{info['session_id']}"
    assert (info["user_id"], info["state"], info["message_count"], info["seq"]) == ("local", "idle", 0, 0)
    async with client(live, info["session_id"]) as talker:
        assert (await talker.synced()).ready.session_id == info["session_id"]


async def refusals_of(settings: Settings, held: int) -> list[tuple[int, dict[str, object], str | None]]:
    """How a session is refused by the route and by the upgrade, while so many work."""
    async with listening(settings) as live, contextlib.AsyncExitStack() as stack:
        for _ in range(held):
            talker = await stack.enter_async_context(client(live))
            await talker.send(UserInput(text="work"))
            await talker.until_type(ev.Accepted)
        http = await stack.enter_async_context(http_client(live.http))
        response = await http.post("/api/sessions")
        with pytest.raises(InvalidStatus) as denied:
            async with client(live):
                pytest.fail("the upgrade went through")
        upgrade = denied.value.response
        return [
            (response.status_code, response.json(), response.headers.get("retry-after")),
            (upgrade.status_code, json.loads(upgrade.body or b""), upgrade.headers.get("retry-after")),
        ]


@pytest.mark.parametrize(
    ("groups", "held", "status", "code", "kind"),
    [
        ({"sessions": {"awake_max_per_user": 2}}, 2, 429, "capacity", "per_user"),
        ({"sessions": {"awake_max": 2}}, 2, 503, "capacity", "global"),
        ({"users": {"stored_sessions_max": 1}}, 1, 429, "storage", "per_user"),
    ],
)
async def test_creating_a_session_is_refused_like_the_upgrade(
    tmp_path: Path, groups: dict[str, Any], held: int, status: int, code: str, kind: str
) -> None:
    async with ScriptedModel(lambda _: stream(Hang()), allow_complaints=True) as model:
        route, upgrade = await refusals_of(settings_for(tmp_path, model, **groups), held)
    assert route == upgrade
    assert (route[0], route[1]["code"], route[1]["error_type"]) == (status, code, kind)
    assert route[2] is not None


async def test_a_stopping_server_creates_no_session(live: Live, http: httpx.AsyncClient) -> None:
    await live.manager.registry.drain("stopping")
    response = await http.post("/api/sessions")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


async def test_sessions_are_listed_page_by_page_and_searched(live: Live, http: httpx.AsyncClient) -> None:
    for title in ("one cat", "a dog", "three Cats"):
        async with client(live) as talker:
            await talker.send(UserInput(text=title))
            await talker.until_type(*DONE)
    titles: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await http.get("/api/sessions", params=query)).json()
        titles += [info["title"] for info in page["sessions"]]
        if "next" not in page:
            break
        query["before"] = page["next"]
    assert titles == ["three Cats", "a dog", "one cat"]
    found = (await http.get("/api/sessions", params={"search": "CAT"})).json()
    assert [info["title"] for info in found["sessions"]] == ["three Cats", "one cat"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=yesterday", "search=" + "x" * 201])
async def test_a_bad_listing_parameter_is_named(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/api/sessions?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


async def test_a_session_is_made_with_a_project_folder_a_model_and_a_title(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    settings = settings_for(tmp_path / "data", workspace={"roots": [str(tmp_path)]})
    async with listening(settings) as live, http_client(live.http) as http:
        body = {"cwd": f"{project}/.", "title": "the shop", "model": "demo"}
        made = await http.post("/api/sessions", json=body)
        info = made.json()
        assert (made.status_code, info["cwd"], info["title"]) == (201, str(project), "the shop")
        assert (await http.post("/api/sessions", json={"mode": "nope"})).status_code == 403
        assert (await http.get("/api/config")).json()["modes"] == ["default", "ask", "read-only", "accept-edits"]
        await http.post("/api/sessions")
        listed = (await http.get("/api/sessions", params={"cwd": str(project)})).json()["sessions"]
        assert [one["session_id"] for one in listed] == [info["session_id"]]
        assert (await http.get("/api/sessions", params={"cwd": str(tmp_path)})).json()["sessions"] == []
        async with client(live, info["session_id"]) as talker:
            await talker.synced()
            assert (talker.ready.cwd, talker.view.mode) == (str(project), "ask")
            await talker.send(UserInput(text="hello"))
            await talker.until_type(*DONE)
        assert (await http.get(f"/api/sessions/{info['session_id']}")).json()["cwd"] == str(project)


async def test_what_a_session_cannot_be_made_with_is_told_and_none_is_made(
    live: Live, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    for body, status, why in (
        (b'{"cwd": "/tmp/x"}', 403, "workspace.roots"),
        (b'{"model": "no such/model"}', 403, "letters"),
        (b'{"cwd": "x"}', 400, "cwd"),
        (b'{"colour": "blue"}', 400, "colour"),
        (b"[]", 400, "object"),
        (b"{" * 100_000, 400, "larger"),
        (b'{"title": "' + b"a" * 201 + b'"}', 400, "title"),
    ):
        answer = await http.post("/api/sessions", content=body)
        assert answer.status_code == status, body[:40]
        assert why in answer.json()["message"]
    assert (await http.get("/api/sessions")).json()["sessions"] == []
