"""Forks over HTTP: a fork has what its origin held, with its files, and neither sees what happens to the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from protocol import events as ev
from protocol.submissions import Share, UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, client, listening
from tests.support.models.scripted_model import Answer, Gate, Request, ScriptedModel, Text, stream, text
from tests.support.network.http_client import http_client


def answer(request: Request) -> Answer:
    held = request.last_user_text == "hold"
    return stream(Text("Half"), Gate()) if held else text(f"{len(request.messages)} messages.")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with ScriptedModel(answer) as model, listening(settings_for(tmp_path, model)) as server:
        yield server


@pytest.fixture
async def http(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(f"{live.http}/api/sessions/") as one:
        yield one


async def say(one: Client, words: str) -> None:
    await one.send(UserInput(text=words))
    assert isinstance(await one.until_type(*DONE), ev.TurnComplete)


async def test_a_fork_has_the_events_and_files_of_its_origin_and_goes_its_own_way(
    live: Live, http: httpx.AsyncClient
) -> None:
    async with client(live) as one:
        origin = (await one.synced()).ready.session_id
        await say(one, "first")
        before = one.view.seq
        await say(one, "second")
        await http.put(f"{origin}/files/notes/a.txt", content=b"as it was")
        made = await http.post(f"{origin}/fork", json={"seq": before, "branch": True})
        assert made.status_code == 201
        info = made.json()
        assert info["forked_from"] == {"session_id": origin, "seq": before, "branch": True}
        assert (info["seq"], info["message_count"], info["title"]) == (before, 2, "first")
        async with client(live, info["session_id"], after=0) as fork:
            await fork.synced()
            own, others = [
                (await http.get(f"{name}/events")).json()["events"] for name in (fork.ready.session_id, origin)
            ]
            assert own == [event for event in others if event["seq"] <= before]
            await say(fork, "another way")
            assert fork.view.messages[-1].text == "4 messages."  # type: ignore[union-attr]  # the model's
        await http.put(f"{origin}/files/notes/a.txt", content=b"changed")
        assert (await http.get(f"{info['session_id']}/files/notes/a.txt")).content == b"as it was"
        await say(one, "third")
        assert [message.text for message in one.view.messages[2:]] == [  # type: ignore[union-attr]  # no calls
            "second",
            "4 messages.",
            "third",
            "6 messages.",
        ]


async def test_without_a_position_all_is_forked_and_links_do_not_lead_into_the_fork(
    live: Live, http: httpx.AsyncClient
) -> None:
    async with client(live) as one:
        origin = (await one.synced()).ready.session_id
        await say(one, "first")
        await one.send(Share(access="read"))
        await one.until_type(ev.Shared)
        made = (await http.post(f"{origin}/fork")).json()
        async with client(live, made["session_id"]) as fork, client(live, origin) as again:
            assert (await fork.synced()).view.shares == []
            assert (await again.synced()).view.shares == one.view.shares != []
            assert fork.view.messages == one.view.messages
        assert (await http.delete(origin)).status_code == 204
        async with client(live, made["session_id"]) as fork, client(live, made["session_id"], after=0) as replayed:
            assert (await fork.synced()).view.messages == (await replayed.synced()).view.messages
            await say(fork, "go on")


async def test_a_session_is_forked_only_where_it_was_at_rest(live: Live, http: httpx.AsyncClient) -> None:
    async with client(live) as one:
        origin = (await one.synced()).ready.session_id
        await one.send(UserInput(text="hold"))
        await one.until_type(ev.AssistantChunk)
        for body in ({}, {"seq": 1}, {"seq": 1_000}):
            refused = await http.post(f"{origin}/fork", json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "not_at_rest")
        assert (await http.post(f"{origin}/fork", json={"seq": -1})).status_code == 400
        assert (await http.post("nobody/fork")).status_code == 404
        assert len((await http.get(live.http + "/api/sessions")).json()["sessions"]) == 1
