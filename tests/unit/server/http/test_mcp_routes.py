"""Routes of MCP prompts and resources: over a real socket, with a server that answers by a script."""

from pathlib import Path
from typing import Any

import httpx
import msgspec

from agent.tools.mcp import McpServer
from tests.support.application import settings_for
from tests.support.live import Live, client, listening
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.support.users import users
from tests.unit.agent.tools.mcp.servers import scripted

SECRET = "hf_" + "Ab1" * 11 + "C"


def poet(folder: Path) -> McpServer:
    prompt = {"name": "poem", "arguments": [{"name": "about", "required": True}]}
    message = {"role": "user", "content": {"type": "text", "text": f"Write about owls with {SECRET}."}}
    methods: dict[str, list[Any]] = {
        "prompts/list": [{"prompts": [prompt]}],
        "prompts/get": [{"messages": [message]}],
        "resources/list": [{"resources": [{"name": "notes", "uri": "test:///notes.txt"}]}],
        "resources/templates/list": [{"resourceTemplates": [{"name": "notes", "uriTemplate": "test:///{name}.txt"}]}],
        "resources/read": [{"contents": [{"uri": "test:///notes.txt", "text": "about owls"}]}],
    }
    return scripted(folder, [], {}, prompts={}, resources={}, methods=methods)


def serving(folder: Path, **servers: McpServer) -> Any:
    return listening(msgspec.structs.replace(settings_for(folder / "data"), mcp_servers=servers))


async def path_of(live: Live, http: httpx.AsyncClient) -> str:
    """The route of a new session, whose servers are up."""

    async def up() -> bool:
        return all(one["state"] == "up" for one in (await http.get("/api/config")).json()["mcp"])

    await eventually(up, "the servers")
    async with client(live) as talker:
        await talker.synced()
        return f"/api/sessions/{talker.ready.session_id}/mcp"


async def test_prompts_and_resources_are_listed_and_read(tmp_path: Path) -> None:
    async with serving(tmp_path, poet=poet(tmp_path)) as live, http_client(live.http) as http:
        path = await path_of(live, http)
        (offered,) = (await http.get(path)).json()["servers"]
        asked = {"name": "about", "label": "about", "description": "", "required": True}
        assert offered["prompts"] == [{"name": "poem", "title": "poem", "description": "", "arguments": [asked]}]
        assert [one["uri"] for one in offered["resources"]] == ["test:///notes.txt"]
        body: dict[str, Any] = {"server": "poet", "prompt": "poem", "arguments": {"about": "owls"}}
        answer = await http.post(f"{path}/prompt", json=body)
        assert answer.json()["text"] == "Write about owls with [redacted: Hugging Face token]."
        read = (await http.post(f"{path}/resource", json={"server": "poet", "resource": "test:///notes.txt"})).json()[
            "text"
        ]
        asked = {"name": "name", "label": "name", "description": "", "required": True}
        template = {"uri_template": "test:///{name}.txt", "title": "notes", "description": "", "mime_type": ""}
        assert offered["templates"] == [{**template, "arguments": [asked]}]
        filled = {"server": "poet", "resource": "test:///{name}.txt", "arguments": {"name": "notes"}}
        assert (await http.post(f"{path}/resource", json=filled)).json()["text"] == read
        about, _, words = read.partition("\n")
        assert words == "about owls" and "saved in the workspace as mcp/notes-" in about
        files = (await http.get(path.removesuffix("mcp") + "files")).json()["files"]
        assert any(file["path"].startswith("mcp/notes-") for file in files)


async def test_all_tools_of_a_session_are_listed_with_their_servers_and_without_secrets(tmp_path: Path) -> None:
    listed = {"name": "rhyme", "description": f"Rhymes with {SECRET}. {'x' * 400}", "inputSchema": {"type": "object"}}
    async with serving(tmp_path, poet=scripted(tmp_path, [listed], {})) as live, http_client(live.http) as http:
        path = (await path_of(live, http)).removesuffix("mcp") + "tools"
        tools = {tool["name"]: tool for tool in (await http.get(path)).json()["tools"]}
        assert (tools["rhyme"]["server"], tools["read"]["server"], tools["rhyme"]["offered"]) == ("poet", "", True)
        said = tools["rhyme"]["description"]
        assert said.startswith("Rhymes with [redacted: Hugging Face token]. xxx") and len(said) == 300


async def test_what_cannot_be_had_is_refused_with_a_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, poet=poet(tmp_path)) as live, http_client(live.http) as http:
        path = await path_of(live, http)

        async def refused(body: Any) -> tuple[int, str]:
            answer = await http.post(f"{path}/prompt", json=body)
            return answer.status_code, answer.json()["code"]

        assert await refused({"server": "poet", "prompt": "novel"}) == (404, "not_found")
        assert await refused({"server": "poet", "prompt": "poem"}) == (502, "mcp_failed")
        assert await refused({"server": "poet"}) == (400, "bad_request")
        assert await refused([]) == (400, "bad_request")
        assert await refused({"server": "poet", "prompt": "x", "arguments": {"a": "x" * 70_000}}) == (413, "too_large")
        other = await http.post(f"{path}/resource", json={"server": "poet", "resource": "file:///etc/passwd"})
        assert (other.status_code, other.json()["code"]) == (404, "not_found")
        assert (await http.get("/api/sessions/unknown/mcp")).status_code == 404


async def test_a_session_without_mcp_servers_has_an_empty_list(tmp_path: Path) -> None:
    async with serving(tmp_path) as live, http_client(live.http) as http:
        path = await path_of(live, http)
        assert (await http.get(path)).json() == {"servers": []}
        assert (await http.post(f"{path}/prompt", json={"server": "a", "prompt": "b"})).status_code == 404


async def test_a_guest_who_may_only_read_gets_none_of_it(tmp_path: Path) -> None:
    async with users(tmp_path) as everybody:
        async with everybody.socket("alice") as owner:
            session = f"/api/sessions/{owner.ready.session_id}"
        for access, status in (("read", 403), ("drive", 200)):
            async with everybody.http("alice") as http:
                link = (await http.post(f"{session}/shares", json={"access": access})).json()
            async with everybody.http(link["secret"]) as guest:
                for listing in ("mcp", "tools"):
                    assert (await guest.get(f"{session}/{listing}")).status_code == status
        async with everybody.http("bob") as stranger:
            assert (await stranger.get(f"{session}/mcp")).status_code == 404
