"""ACP agent: `holdfast acp` with a real server and its demo model; each line both ways is as the protocol's own schema wants it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients import SessionClient
from protocol.content import AssistantMessage
from protocol.submissions import Approval, ExecApproval
from tests.support.acp.editor import COMMAND, editor, editor_process, kinds
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.node import node_command
from tests.support.paths import ROOT

SDK_CLIENT = ROOT / "tests/support/npm/acp/client.mjs"
ASKS = {"rules": [{"tool": "write", "action": "ask"}]}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path, policy=ASKS)) as server:
        yield server


def answers(client: SessionClient) -> str:
    return "".join(one.text for one in client.view.messages if isinstance(one, AssistantMessage))


async def test_a_prompt_is_answered_when_its_turn_has_ended(live: Live) -> None:
    async with editor(live.http) as one:
        assert (await one.initialize())["protocolVersion"] == 1
        session_id = await one.new()
        assert (await one.prompt(session_id, "hello"))["result"] == {"stopReason": "end_turn"}
        async with SessionClient(live.http, session_id, feed_max=0) as client:
            assert one.text() == answers(client)
        assert one.text("user_message_chunk") == ""
        assert {"sessionUpdate": "session_info_update", "title": "hello"} in one.updates


async def test_a_call_that_asks_waits_for_the_editor(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        session_id = await one.new()
        done = one.prompt(session_id, "write a file")
        await one.until(lambda: one.asks)
        ask = one.asks[0]["params"]
        assert [option["kind"] for option in ask["options"]] == [
            "allow_once",
            "allow_always",
            "reject_once",
            "reject_always",
        ]
        assert ask["toolCall"]["kind"] == "edit"
        one.choose(one.asks[0], "once")
        assert (await done)["result"] == {"stopReason": "end_turn"}
        statuses = [u.get("status") for u in one.updates if u["sessionUpdate"] in ("tool_call", "tool_call_update")]
        assert statuses == ["pending", "in_progress", "completed"]
        assert not one.withdrawn


async def test_an_approval_given_elsewhere_withdraws_the_question_of_all_editors(live: Live) -> None:
    async with editor(live.http) as one, editor(live.http) as two:
        await one.initialize()
        await two.initialize()
        session_id = await one.new()
        done = one.prompt(session_id, "write a file")
        await one.until(lambda: one.asks)
        await two.load(session_id)
        await two.until(lambda: two.asks)
        call_id = one.asks[0]["params"]["toolCall"]["toolCallId"]
        async with SessionClient(live.http, session_id, feed_max=0) as client:
            await client.submit(ExecApproval(approvals=[Approval(tool_call_id=call_id, approved=False)]))
        await one.until(lambda: one.withdrawn)
        await two.until(lambda: two.withdrawn)
        assert (await done)["result"] == {"stopReason": "end_turn"}
        one.choose(one.asks[0], "once")  # too late: it changes nothing
        assert [u["status"] for u in one.updates if u["sessionUpdate"] == "tool_call_update"] == ["failed"]


async def test_a_load_in_the_middle_of_an_answer_is_exact(live: Live, tmp_path: Path) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        session_id = await one.new()
        done = one.prompt(session_id, "long")
        await one.until(lambda: len(one.text()) > 500)
        async with editor(live.http) as two:
            await two.initialize()
            await two.load(session_id)
            await done
            await two.until(lambda: len(two.text()) >= len(one.text()))
            async with SessionClient(live.http, session_id, feed_max=0) as client:
                assert one.text() == two.text() == answers(client)
            assert two.text("user_message_chunk") == "long"
            assert kinds(two.updates)[0] == "user_message_chunk"


async def test_what_others_say_is_shown_as_it_happens(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        session_id = await one.new()
        async with SessionClient(live.http, session_id, feed_max=0) as client:
            await client.say("hello from the page")
            await one.until(lambda: "No key" in one.text() or "no key" in one.text())
        assert one.text("user_message_chunk") == "hello from the page"


async def test_a_cancelled_prompt_and_those_behind_it_are_answered_so(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        session_id = await one.new()
        first, second = one.prompt(session_id, "slow"), one.prompt(session_id, "hello")
        await one.until(lambda: one.text())
        one.notify("session/cancel", sessionId=session_id)
        assert (await first)["result"] == {"stopReason": "cancelled"}
        assert (await second)["result"] == {"stopReason": "cancelled"}


async def test_sessions_are_listed_resumed_closed_and_deleted(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        said, _ = await one.new(), await one.new()
        await one.prompt(said, "hello")
        listed = (await one.request("session/list"))["sessions"]
        assert [(row["sessionId"], row["title"]) for row in listed] == [(said, "hello")]
        assert await one.request("session/close", sessionId=said) == {}
        before = len(one.updates)
        resumed = await one.request("session/resume", sessionId=said, cwd="/tmp")
        assert [option["id"] for option in resumed["configOptions"]] == ["model", "effort", "mode"]
        assert kinds(one.updates[before:]) == ["available_commands_update"]
        assert await one.request("session/delete", sessionId=said) == {}
        assert (await one.request("session/list"))["sessions"] == []
        assert (await one.load(said))["error"]["code"] == -32002


async def test_the_effort_is_a_config_option(live: Live) -> None:
    async with editor(live.http) as one, editor(live.http) as two:
        await one.initialize()
        await two.initialize()
        session_id = await one.new()
        await two.load(session_id)
        result = await one.request("session/set_config_option", sessionId=session_id, configId="effort", value="high")
        chosen = {option["id"]: option["currentValue"] for option in result["configOptions"]}
        assert chosen == {"model": "demo", "effort": "high", "mode": "default"}
        await two.until(lambda: "config_option_update" in kinds(two.updates))
        wrong = await one.request("session/set_config_option", sessionId=session_id, configId="effort", value="loud")
        assert wrong["error"]["code"] == -32602


async def test_a_session_works_in_the_folder_of_the_editor_where_the_server_allows_it(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    settings = settings_for(tmp_path / "data", policy={}, workspace={"roots": [str(tmp_path)]})
    async with listening(settings) as live, editor(live.http) as one:
        await one.initialize()
        one.approving = True  # a session in a folder of the user asks before it writes
        inside = (await one.request("session/new", cwd=str(project), mcpServers=[]))["sessionId"]
        outside = (await one.request("session/new", cwd="/usr/share", mcpServers=[]))["sessionId"]
        await one.prompt(inside, 'write notes.txt "kept"')
        await one.prompt(outside, "hello")
        assert (project / "notes.txt").read_text() == "kept"
        calls = [update for update in one.updates if update["sessionUpdate"] == "tool_call"]
        assert calls[0]["locations"] == [{"path": str(project / "notes.txt")}]
        listed = {row["sessionId"]: row["cwd"] for row in (await one.request("session/list"))["sessions"]}
        assert listed[inside] == str(project)
        elsewhere = await one.request("session/list", cwd="/usr/share")
        assert [row["sessionId"] for row in elsewhere["sessions"]] == [outside]


async def test_the_sdks_own_client_prompts_approves_gets_a_question_withdrawn_and_loads(live: Live) -> None:
    client = await asyncio.create_subprocess_exec(
        node_command(), str(SDK_CLIENT), *COMMAND, "--url", live.http, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    facts: list[dict[str, Any]] = []
    async for line in client.stdout:
        facts.append(json.loads(line))
        asked = [fact for fact in facts if "asked" in fact]
        if facts[-1] in asked[1:]:
            async with SessionClient(live.http, asked[1]["session"], feed_max=0) as other:
                await other.approve(asked[1]["call"], approved=False)
    assert await client.wait() == 0
    told = [fact for fact in facts if "asked" not in fact]
    ended = {"stopReason": "end_turn"}
    assert told[:4] == [{"protocolVersion": 1}, ended, {"withdrawn": True}, ended]
    assert told[4]["same"] and told[4]["characters"] > 20
    assert told[5] == {"exit": 0}


async def test_the_process_answers_initialize_without_a_server_writes_no_other_line_and_ends_with_its_input() -> None:
    async with editor_process("--url", "http://127.0.0.1:9") as one:
        assert (await one.initialize())["protocolVersion"] == 1
        one.write({"id": 99, "method": "session/load", "params": {"sessionId": "x", "cwd": "/", "mcpServers": []}})
        await one.until(lambda: one.lines[-1].get("id") == 99)
        assert one.process.stdin is not None and one.process.stderr is not None
        one.process.stdin.close()
        async with asyncio.timeout(30):
            assert await one.process.wait() == 0
        assert await one.process.stderr.read() == b""
        assert len(one.lines) == 2


async def test_without_a_server_a_session_is_refused_in_words() -> None:
    async with editor("http://127.0.0.1:9") as one:
        assert (await one.initialize())["agentInfo"]["name"] == "holdfast"
        refused = await one.request("session/new", cwd="/tmp", mcpServers=[])
        assert "no Holdfast server can be reached (http://127.0.0.1:9: " in refused["error"]["message"]


async def test_the_session_goes_on_when_the_editor_ends(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize()
        session_id = await one.new()
        one.prompt(session_id, "long")
        await one.until(lambda: one.text())
    async with SessionClient(live.http, session_id, feed_max=0) as client:
        await client.wait_until(lambda view: view.state == "idle")
        assert answers(client).startswith(one.text())
        assert len(client.view.messages) == 2
