"""MCP in a whole server: turns go on whatever the MCP servers do, and no process is left when the server is killed."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest

from agent.tools.mcp import McpServer
from protocol import events as ev
from protocol.submissions import AnswerQuestion, Approval, ExecApproval, UserInput
from server.config.settings import Settings
from tests.support.application import Listener, running, settings_for
from tests.support.constants import built_in
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.polling import PATIENCE_S, eventually
from tests.unit.agent.tools.mcp.servers import PATIENT, QUICK, HttpServer, alive, entry, noted, odd, scripted
from tests.unit.server.cli.test_main import server

FREELY = {"rules": [{"action": "allow"}]}


def settings_with(folder: Path, model: ScriptedModel, servers: dict[str, McpServer], **groups: Any) -> Settings:
    settings = settings_for(folder / "data", model, **{"policy": FREELY, **groups})
    built_in("mcp", {**PATIENT, **QUICK})
    return msgspec.structs.replace(settings, mcp_servers=servers)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions wait for their own servers as long as a busy machine may take."""
    monkeypatch.setattr("agent.tools.mcp.servers.OWN_WAIT_S", PATIENCE_S)


def tools_of(request: Any) -> list[str]:
    return [tool["function"]["name"] for tool in request.body["tools"]]


async def test_a_server_killed_in_the_middle_of_a_call_fails_the_call_and_the_turn_goes_on(tmp_path: Path) -> None:
    script = [calls(Call("hold")), text("It went away."), calls(Call("echo", {"text": "hi"}, "2")), text("There.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_with(tmp_path, model, {"odd": odd(folder=tmp_path)})) as live,
    ):
        async with client(live) as talk:
            await talk.synced()
            async with http_client(live.http) as http:
                await eventually_up(http)
            await talk.send(UserInput(text="go"))
            log = await talk.until_type(ev.ToolLog)
            assert log.text.startswith("[1/2] holding")
            await eventually(lambda: noted(tmp_path, "holding"), "the call")
            psutil.Process(noted(tmp_path, "holding")).kill()
            ended = await talk.until_type(ev.ToolStateChange)
            assert ended.state == "outcome_unknown" and "the outcome is unknown" in str(ended.detail)
            done = await talk.until_type(*DONE)
            assert isinstance(done, ev.TurnComplete) and done.final_response == "It went away."
            async with http_client(live.http) as http:
                await eventually_up(http)
            await talk.send(UserInput(text="again"))
            output = await talk.until_type(ev.ToolOutput)
            assert (output.tool, output.output) == ("echo", "hi")
            assert isinstance(await talk.until_type(*DONE), ev.TurnComplete)


async def test_a_server_asks_the_user_while_its_tool_runs_and_gets_the_answer(tmp_path: Path) -> None:
    fields = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
    asks = {"ask": "elicitation/create", "params": {"message": "Which color?", "requestedSchema": fields}}
    server = scripted(tmp_path, [{"name": "paint"}], {"paint": [asks]})
    script = [calls(Call("paint")), text("Painted.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_with(tmp_path, model, {"painter": server})) as live,
        client(live) as talk,
    ):
        await talk.synced()
        async with http_client(live.http) as http:
            await eventually_up(http)
        await talk.send(UserInput(text="go"))
        question = (await talk.until_type(ev.AskUser)).question
        assert (question.asker, question.message) == ("painter", "Which color?")
        await talk.send(AnswerQuestion(question_id=question.question_id, action="accept", content={"color": "red"}))
        assert (await talk.until_type(ev.QuestionClosed)).action == "accept"
        output = await talk.until_type(ev.ToolOutput)
        assert output.output == 'got {"action": "accept", "content": {"color": "red"}}'
        assert isinstance(await talk.until_type(*DONE), ev.TurnComplete)


async def eventually_up(http: httpx.AsyncClient) -> None:
    """Wait until `GET /api/config` says that every server is up."""

    async def all_up() -> bool:
        return all(one["state"] == "up" for one in (await http.get("/api/config")).json()["mcp"])

    await eventually(all_up, "every server up")


async def test_a_server_that_is_down_appears_in_a_later_model_call(tmp_path: Path) -> None:
    answers = [text("Nothing there."), calls(Call("echo", {"text": "hi"})), text("There.")]
    late = HttpServer.odd()
    async with ScriptedModel(answers) as model:
        async with (
            listening(settings_with(tmp_path, model, {"late": entry(url=late.url)})) as live,
            client(live) as talk,
        ):
            await talk.synced()
            await talk.send(UserInput(text="one"))
            await talk.until_type(*DONE)
            assert "echo" not in tools_of(model.requests[0])
            async with http_client(live.http) as http:
                down = (await http.get("/api/config")).json()["mcp"]
                assert down == [
                    {"name": "late", "state": "down", "reason": "it cannot be reached", "tools": 0, "left_out": []}
                ]
                async with late:
                    await eventually_up(http)
                    await talk.send(UserInput(text="two"))
                    output = await talk.until_type(ev.ToolOutput)
                    assert output.output == "hi"
                    await talk.until_type(*DONE)
            assert "echo" in tools_of(model.requests[1])


async def test_a_call_waits_for_approval_and_what_was_approved_runs_after_a_restart(tmp_path: Path) -> None:
    servers = {"odd": odd(shared=False)}
    async with ScriptedModel([calls(Call("echo", {"text": "hi"}))]) as model:
        async with running(settings_with(tmp_path, model, servers, policy={})) as manager:
            session_id = await manager.create_session("local")
            await manager.submit_user_input(session_id, "go")
            async with manager.registry.activated(session_id) as actor:
                request = await Listener(actor).until_type(ev.ApprovalRequired)
        assert request.tools[0].tool == "echo" and "MCP server odd" in request.tools[0].reason
    async with ScriptedModel([text("Done.")]) as model:
        async with running(settings_with(tmp_path, model, servers, policy={})) as manager:
            async with manager.registry.activated(session_id) as actor:
                listener = Listener(actor, actor.broadcaster.head)
            answer = ExecApproval(approvals=[Approval(request.tools[0].tool_call_id, True)])
            await manager.submit(session_id, answer)
            output = await listener.until_type(ev.ToolOutput)
            assert (output.success, output.output) == (True, "hi")
            await listener.until_type(ev.TurnComplete)


async def test_a_sessions_own_server_has_its_owners_token_and_ends_with_the_session(tmp_path: Path) -> None:
    servers = {"odd": odd(owner_token=True, folder=tmp_path)}
    answers = [calls(Call("whoami")), text("Done.")]
    token = "hf_" + "Ab1" * 11 + "C"
    async with ScriptedModel(answers) as model, running(settings_with(tmp_path, model, servers)) as manager:
        session_id = await manager.create_session("local", token)
        assert not noted(tmp_path, "started"), "nothing is started that nobody needs"
        await manager.submit_user_input(session_id, "go")
        async with manager.registry.activated(session_id) as actor:
            listener = Listener(actor)
        output = await listener.until_type(ev.ToolOutput)
        assert output.success and token not in output.output and "[redacted: Hugging Face token]" in output.output
        await listener.until_type(ev.TurnComplete)
        process = noted(tmp_path, "started")
        assert alive(process)
        await manager.delete_session(session_id)
        assert not alive(process)


async def test_kill_minus_nine_leaves_no_server_behind(tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    stubborn = odd("--stubborn", folder=tmp_path)
    servers = {"odd": {"command": stubborn.command, "args": stubborn.args}}
    config.write_text(json.dumps({"mcpServers": servers, "server": {"preload_model": False}}))
    async with server(tmp_path / "data", "--config", str(config)) as (process, _, _):
        await eventually(lambda: noted(tmp_path, "started"), "the MCP server")
        found = [noted(tmp_path, "started"), noted(tmp_path, "child")]
        supervisor = psutil.Process(found[0]).ppid()
        assert all(alive(pid) for pid in [*found, supervisor])
        process.kill()
        await process.wait()
        await eventually(lambda: not any(alive(pid) for pid in [*found, supervisor]), "the end of all of it")


async def test_a_name_of_our_own_is_not_to_be_had_where_our_tool_is_not_offered_either(tmp_path: Path) -> None:
    """Else a rule or a grant for `bash` would be one for whatever a server calls so."""
    servers = {"odd": odd("--only", "bash")}
    async with ScriptedModel([text("Hello.")]) as model:
        settings = settings_with(tmp_path, model, servers, sandbox={"kind": "off"}, hub={"tools": False})
        async with listening(settings) as live, client(live) as talk:
            async with http_client(live.http) as http:
                await eventually_up(http)
            await talk.send(UserInput(text="go"))
            await talk.until_type(*DONE)
            offered = tools_of(model.requests[0])
            assert "odd_bash" in offered and "bash" not in offered
