"""ACP agent, servers and files: MCP servers that an editor names are the session's, also after a restart; a load shows diffs."""

import base64
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from tests.support.acp.editor import editor
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.ports import free_port
from tests.unit.agent.tools.mcp.servers import PLAIN, odd

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SHOP = {"name": "shop", "command": odd().command, "args": ["-I", "-S", str(PLAIN)], "env": []}
OLD = {"type": "sse", "name": "old", "url": "https://x.example/sse", "headers": []}


async def test_an_editors_servers_are_the_sessions_and_are_given_again_to_a_server_that_was_started_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = [calls(Call("echo", {"text": "hi"}, "1")), text("Done.")]
    async with ScriptedModel([*script, calls(Call("echo", {"text": "again"}, "2")), text("Done.")]) as model:
        rules = {"rules": [{"action": "allow", "tool": "echo"}]}
        settings = settings_for(tmp_path, model, auth={"local_token": True}, policy=rules)
        settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=free_port()))
        async with AsyncExitStack() as first:
            live = await first.enter_async_context(listening(settings))
            async with editor(live.http, (tmp_path / "token").read_text().strip()) as one:
                await one.initialize()
                made = await one.request("session/new", cwd="/tmp", mcpServers=[SHOP, OLD])
                await one.prompt(made["sessionId"], "go")
                await first.aclose()
                async with listening(settings):
                    await one.prompt(made["sessionId"], "go on")
        outputs = [u for u in one.updates if u["sessionUpdate"] == "tool_call_update" and u.get("content")]
        assert [u["content"][0]["content"]["text"] for u in outputs] == ["hi", "again"]
    assert "goes on without the MCP server 'old'" in capfd.readouterr().err


async def test_a_load_shows_the_diff_of_a_file_that_was_written(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", policy={}, workspace={"roots": [str(tmp_path)]})
    project = tmp_path / "project"
    project.mkdir()
    async with listening(settings) as live, editor(live.http) as one, editor(live.http) as two:
        await one.initialize()
        await two.initialize()
        one.approving = True
        session_id = (await one.request("session/new", cwd=str(project), mcpServers=[]))["sessionId"]
        await one.prompt(session_id, 'write notes.txt "kept"')
        await two.load(session_id)
        for each in (one, two):
            [diff] = [part for u in each.updates for part in _parts(u) if part["type"] == "diff"]
            assert (diff["path"], diff["newText"]) == (str(project / "notes.txt"), "kept")


async def test_an_image_of_a_prompt_is_a_file_that_the_model_is_shown(tmp_path: Path) -> None:
    image = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()}
    async with ScriptedModel([text("A dot.")]) as model, listening(settings_for(tmp_path, model)) as live:
        async with editor(live.http) as one, editor(live.http) as two:
            await one.initialize()
            await two.initialize()
            session_id = await one.new()
            prompt = [{"type": "text", "text": "What is it?"}, image]
            assert await one.request("session/prompt", sessionId=session_id, prompt=prompt) == {
                "stopReason": "end_turn"
            }
            assert base64.b64encode(PNG).decode() in str(model.requests[0].body["messages"])
            await two.load(session_id)
            assert two.text("user_message_chunk").startswith("What is it?\n[image: images/")
            odd = [{**image, "mimeType": "image/gif"}]
            refused = await one.request("session/prompt", sessionId=session_id, prompt=odd)
            assert "image/png" in refused["error"]["message"]


def _parts(update: dict[str, object]) -> list[dict[str, object]]:
    content = update.get("content")
    return content if isinstance(content, list) else []
