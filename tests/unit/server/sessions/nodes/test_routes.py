"""Routes over two servers: each answers at the server that does not run the session as at the one that does."""

import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.workspace.agents_md import digest_of
from protocol import events as ev
from protocol.submissions import UserInput
from server.http.table import ENDPOINTS
from tests.support.live import Live, client
from tests.support.models.scripted_model import Call, Gate, ScriptedModel, Text, calls, stream, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.plain_server import PNG
from tests.unit.agent.tools.mcp.servers import scripted
from tests.unit.server.http.test_mcp_routes import poet
from tests.unit.server.sessions.nodes.two import two
from tests.unit.server.sessions.test_remote_sandbox import FREELY, SPACE, TOKEN, spaces

NOTES = b"Be brief."
SAID = "tell"

FILE = "/api/sessions/{session_id}/files/{path:path}"
ASKED: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("GET", "/api/sessions/{session_id}"): {"status": 200},
    ("PATCH", "/api/sessions/{session_id}"): {"json": {"listed": "pinned"}},
    ("PUT", "/api/sessions/{session_id}/mcp/servers"): {"json": {"mcp_servers": {"a": {"url": "http://localhost/a"}}}},
    ("GET", "/api/sessions/{session_id}/instructions"): {},
    ("GET", "/api/sessions/{session_id}/tools"): {},
    ("GET", "/api/sessions/{session_id}/events"): {},
    ("GET", "/api/sessions/{session_id}/events/{seq}"): {},
    ("GET", "/api/sessions/{session_id}/export"): {},
    ("POST", "/api/sessions/{session_id}/fork"): {"json": {"seq": 0}, "status": 201},
    ("GET", "/api/sessions/{session_id}/files"): {},
    ("PUT", FILE): {"content": NOTES, "status": 201},
    ("GET", FILE): {},
    ("GET", "/api/sessions/{session_id}/archive"): {},
    ("GET", "/api/sessions/{session_id}/mcp"): {},
    ("POST", "/api/sessions/{session_id}/mcp/prompt"): {
        "json": {"server": "poet", "prompt": "poem", "arguments": {"about": "owls"}}
    },
    ("POST", "/api/sessions/{session_id}/mcp/resource"): {"json": {"server": "poet", "resource": "test:///notes.txt"}},
    ("GET", "/api/sessions/{session_id}/shares"): {},
    ("POST", "/api/sessions/{session_id}/shares"): {"json": {"access": "read"}, "status": 201},
    ("DELETE", "/api/sessions/{session_id}/shares/{share_id}"): {"status": 204},
    ("POST", "/api/admin/sessions/{session_id}/stop"): {},
    ("DELETE", FILE): {"status": 204},
    ("DELETE", "/api/sessions/{session_id}"): {"status": 204},
}
"""What is sent to every route of a session, and in `status` what it answers if not 200; in an order in which each has what it needs."""


def test_every_route_of_a_session_is_tried() -> None:
    there = {(one.method, one.path) for one in ENDPOINTS if one.path.startswith("/api") and "{session_id}" in one.path}
    assert there == set(ASKED)


async def servers_up(live: Live) -> bool:
    async with http_client(live.http) as http:
        return all(one["state"] == "up" for one in (await http.get("/api/config")).json()["mcp"])


async def test_every_route_answers_at_the_server_that_does_not_run_the_session(tmp_path: Path, database: str) -> None:
    gate = Gate()
    (tmp_path / "mcp").mkdir()
    async with (
        ScriptedModel(lambda _: stream(Text("Once "), gate), allow_complaints=True) as model,
        two(tmp_path, database, model, mcp_servers={"poet": poet(tmp_path / "mcp")}) as (a, b),
        client(a) as teller,
        http_client(b.http) as http,
    ):
        await eventually(lambda: servers_up(b), "the servers")
        await teller.send(UserInput(text=SAID))
        await teller.until_type(ev.AssistantChunk)
        session_id = teller.ready.session_id
        runs = a.manager.registry.get(session_id)
        answers: dict[tuple[str, str], Any] = {}
        share_id = ""
        for (method, path), asked in ASKED.items():
            given = {"session_id": session_id, "seq": 1, "share_id": share_id}
            at = path.replace("{path:path}", "AGENTS.md").format(**given)
            body = {name: value for name, value in asked.items() if name != "status"}
            answer = await http.request(method, at, **body)
            assert answer.status_code == asked.get("status", 200), (method, path, answer.text)
            answers[method, path] = answer
            if path.endswith("/shares") and method == "POST":
                share_id = answer.json()["share_id"]
            if path == FILE and method == "PUT":
                uploaded = await teller.until_type(ev.NotesUploaded)
                assert uploaded.digest == digest_of(NOTES)
            if path.endswith("/stop"):
                assert answer.json() == {"stopped": True}
                await teller.until_type(ev.Interrupted)
            assert b.manager.registry.get(session_id) is None and a.manager.registry.get(session_id) in (runs, None)
        assert (await teller.closed())[0] == 4404
        assert answers["GET", FILE].content == NOTES
        assert answers["GET", "/api/sessions/{session_id}/mcp"].json()["servers"][0]["prompts"][0]["name"] == "poem"
        assert "owls" in answers["POST", "/api/sessions/{session_id}/mcp/prompt"].json()["text"]
        assert answers["PUT", "/api/sessions/{session_id}/mcp/servers"].json() == {"mcp_refused": {}}
        assert answers["GET", "/api/sessions/{session_id}"].json()["is_active"]
        assert SAID in answers["GET", "/api/sessions/{session_id}/export"].text
        gate.open()


async def test_what_mcp_servers_give_at_another_server_is_brought_to_the_remote_sandbox_of_the_one_that_runs_the_session(
    tmp_path: Path, database: str
) -> None:
    picture = {"role": "user", "content": {"type": "image", "data": b64encode(PNG).decode(), "mimeType": "image/png"}}
    methods: dict[str, list[Any]] = {
        "prompts/list": [{"prompts": [{"name": "look"}]}],
        "prompts/get": [{"messages": [picture]}],
    }
    (tmp_path / "mcp").mkdir()
    gate = Gate()
    script = [stream(Text("Once "), gate), calls(Call("bash", {"command": "ls mcp"})), text("Seen.")]
    async with (
        spaces(tmp_path) as hub,
        ScriptedModel(script) as model,
        two(
            tmp_path,
            database,
            model,
            mcp_servers={"looker": scripted(tmp_path / "mcp", [], {}, prompts={}, methods=methods)},
            auth={"local_hf_token": TOKEN},
            hub={"endpoint": hub.url},
            sandbox=SPACE,
            policy=FREELY,
        ) as (a, b),
        client(a) as teller,
        http_client(b.http) as http,
    ):
        await eventually(lambda: servers_up(b), "the servers")
        await teller.send(UserInput(text=SAID))
        await teller.until_type(ev.AssistantChunk)
        path = f"/api/sessions/{teller.ready.session_id}"
        tools = (await http.get(f"{path}/tools")).json()["tools"]
        assert "bash" in {tool["name"] for tool in tools}
        said = await http.post(f"{path}/mcp/prompt", json={"server": "looker", "prompt": "look"})
        (name,) = re.findall(r"mcp/(\S+\.png)", said.json()["text"])
        assert not hub.made, "by the server that runs the session alone"
        gate.open()
        await teller.until_type(ev.TurnComplete)
        await teller.send(UserInput(text="go"))
        assert name in (await teller.until_type(ev.ToolOutput)).output
