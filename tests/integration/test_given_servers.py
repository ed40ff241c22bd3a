"""Servers that a client gives, in a whole server: their tools are the session's, programs start for the token's holder alone."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from protocol import events as ev
from protocol.submissions import UserInput
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.sessions.recorder import JournalRecorder
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.users import Users, users
from tests.unit.agent.tools.mcp.odd_server import make_server
from tests.unit.agent.tools.mcp.servers import PLAIN, odd
from tests.unit.server.serving import serving

QUICK = Settings(server=ServerSettings(port=0, graceful_shutdown_s=0.1))
GIVEN = {"shop": {"command": odd().command, "args": ["-I", "-S", str(PLAIN)]}, "bad": {"command": "", "url": "ftp://x"}}


async def outputs(live: Live, headers: dict[str, str], session_id: str) -> list[str]:
    """What the tools of one turn give."""
    async with connect(f"{live.ws}/{session_id}", additional_headers=headers, compression=None) as socket:
        talker = await Client(socket).synced()
        await talker.send(UserInput(text="go"))
        await talker.until_type(*DONE)
        return [event.output for event in talker.events if isinstance(event, ev.ToolOutput)]


@pytest.fixture
def tidying(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Actors merge the text of a turn that has ended only once this is set: a slow disk."""
    tidies, compact = asyncio.Event(), JournalRecorder.compact

    async def slow(*args: Any) -> None:
        await tidies.wait()
        await compact(*args)

    monkeypatch.setattr(JournalRecorder, "compact", slow)
    return tidies


async def test_a_session_has_the_servers_that_its_client_gave_from_its_next_turn_on_and_a_bad_one_stops_nothing(
    tmp_path: Path, tidying: asyncio.Event
) -> None:
    again = [calls(Call("echo", {"text": "again"}, "2")), text("Gone.")]
    script = [calls(Call("echo", {"text": "hi"}, "1")), text("Done."), *again]
    async with ScriptedModel(script) as model:
        settings = settings_for(
            tmp_path, model, auth={"local_token": True}, policy={"rules": [{"action": "allow", "tool": "echo"}]}
        )
        async with listening(settings) as live:
            headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
            async with http_client(live.http, headers=headers) as http:
                made = await http.post("/api/sessions", json={"mcp_servers": GIVEN})
                info = made.json()
                assert made.status_code == 201 and set(info["mcp_refused"]) == {"bad"}
                assert await outputs(live, headers, info["session_id"]) == ["hi"]
                gone = await http.put(f"/api/sessions/{info['session_id']}/mcp/servers", json={"mcp_servers": {}})
                assert gone.json() == {"mcp_refused": {}}
                asyncio.get_running_loop().call_later(0.3, tidying.set)  # the next turn's input comes before
                (missing,) = await outputs(live, headers, info["session_id"])
                assert "there is no tool" in missing


async def refused(http: httpx.AsyncClient) -> set[str]:
    given = {"a": GIVEN["shop"], "b": {"url": "http://127.0.0.1:9/mcp"}}
    made = await http.post("/api/sessions", json={"mcp_servers": given})
    assert made.status_code == 201
    return set(made.json().get("mcp_refused", {}))


async def told(live_http: httpx.AsyncClient, url: str) -> str:
    """Why a session's server at this address is not up; empty if it is."""
    made = (await live_http.post("/api/sessions", json={"mcp_servers": {"b": {"url": url}}})).json()
    (server,) = (await live_http.get(f"/api/sessions/{made['session_id']}/mcp")).json()["servers"]
    return str(server["reason"])


async def test_programs_are_refused_where_others_use_the_server_too_and_addresses_lead_nowhere_inside(
    tmp_path: Path,
) -> None:
    everyone: Users
    web = {"allow_private_networks": True}
    async with serving(make_server(tmp_path).streamable_http_app(), QUICK) as odd_server:
        url = f"http://127.0.0.1:{odd_server.port}/mcp"
        async with users(tmp_path / "users") as everyone, everyone.http("alice") as http:
            assert await refused(http) == {"a"}
            assert "127.0.0.1 leads to a private address" in await told(http, url)
        async with users(tmp_path / "near", web=web) as everyone, everyone.http("alice") as http:
            assert await told(http, url) == ""
    async with listening(settings_for(tmp_path / "open")) as live, http_client(live.http) as http:
        assert await refused(http) == {"a"}
