"""Instructions of a user: kept by the server, told to the model of sessions made afterwards, and bounded."""

from pathlib import Path

import httpx

from protocol import events as ev
from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening
from tests.support.models.images import messages_of
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client


async def of_session(http: httpx.AsyncClient, session_id: str) -> str:
    return str((await http.get(f"/api/sessions/{session_id}/instructions")).json()["instructions"])


async def test_a_session_keeps_the_instructions_it_was_made_with_and_so_does_its_fork(tmp_path: Path) -> None:
    async with ScriptedModel([text("One."), text("Two.")]) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, http_client(live.http) as http:
            assert (await http.get("/api/instructions")).json() == {"instructions": ""}
            async with client(live) as before:
                await say(before)
                kept = await http.put("/api/instructions", json={"instructions": " Answer in Latin.\n"})
                assert (kept.status_code, kept.content) == (204, b"")
                assert await of_session(http, before.ready.session_id) == ""
            async with client(live) as after:
                await say(after)
                name = after.ready.session_id
        first, second = (messages_of(request)[0]["content"] for request in model.requests)
        assert second == f"{first}\n\nThe user's instructions for all their conversations:\n\nAnswer in Latin."
        async with listening(settings) as live, http_client(live.http) as http:  # the server started again
            assert (await http.get("/api/instructions")).json() == {"instructions": "Answer in Latin."}
            await http.put("/api/instructions", json={"instructions": "Be short."})
            fork = (await http.post(f"/api/sessions/{name}/fork", json={})).json()["session_id"]
            assert [await of_session(http, one) for one in (name, fork)] == ["Answer in Latin."] * 2
            for body in ({"instructions": "a" * 2_001}, {"instructions": 1}, {}, {"instructions": "", "other": 1}):
                assert (await http.put("/api/instructions", json=body)).status_code == 400
            assert (await http.put("/api/instructions", content=b"{" * 20_000)).status_code == 400
            assert (await http.get("/api/instructions")).json() == {"instructions": "Be short."}


async def say(one: Client) -> None:
    await one.synced()
    await one.send(UserInput(text="say"))
    assert isinstance(await one.until_type(*DONE), ev.TurnComplete)
