"""Search over HTTP: sessions by what was said in them, beside those by their titles, also of a journal that is older than the index."""

from pathlib import Path
from typing import Any

import httpx

from protocol import events as ev
from protocol.submissions import SetTitle, Undo, UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client


async def test_sessions_are_found_by_what_was_said_in_them(tmp_path: Path) -> None:
    async with ScriptedModel(lambda request: text(f"You said {request.last_user_text}.")) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as one, client(live) as other:
            names = []
            for each, title, words in ((one, "Birds", "owls hoot"), (other, "Hoots", "nothing of that kind")):
                names.append((await each.synced()).ready.session_id)
                await each.send(SetTitle(title=title))
                await each.send(UserInput(text=words))
                assert isinstance(await each.until_type(*DONE), ev.TurnComplete)
            async with http_client(live.http) as http:
                titled, said = (await found(http, "hoot"))["sessions"]
                assert (titled["session_id"], said["session_id"]) == (names[1], names[0])
                assert "found" not in titled
                assert said["found"]["snippet"] == ["You said owls ", "hoot", "."]
                assert (await found(http, "birds kind"))["sessions"] == []
                await one.send(Undo())
                await one.until_type(ev.UndoComplete)
                assert [each["title"] for each in (await found(http, "hoot"))["sessions"]] == ["Hoots"]
                await http.delete(f"/api/sessions/{names[1]}")
                assert await found(http, "kind") == {"sessions": []}
                await one.send(UserInput(text="later words"))
                await one.until_type(*DONE)
        for file in tmp_path.rglob("search.db*"):
            file.unlink()
        async with listening(settings) as live, http_client(live.http) as http:
            (again,) = (await found(http, "later"))["sessions"]
            assert again["found"]["message"].startswith("msg-")


async def found(http: httpx.AsyncClient, words: str) -> dict[str, Any]:
    answer = await http.get("/api/sessions", params={"search": words})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found
