"""ACP agent, version 2: the same agent for clients that ask for it; each line both ways is as that version's schema wants it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients import SessionClient
from tests.support.acp.editor import COMMAND, Editor, editor
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.node import node_command
from tests.support.paths import ROOT

POSITION = "_holdfast.position"
SDK_CLIENT = ROOT / "tests/support/npm/acp/client2.mjs"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path)) as server:
        yield server


class Screen:
    """What a client of version 2 shows: messages, thoughts, calls and terminals by their ids, as the updates say."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.calls: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {}
        self.position: dict[str, Any] = {}

    def take(self, params: dict[str, Any]) -> None:
        update = params["update"]
        kind = update["sessionUpdate"]
        self.position = params.get("_meta", {}).get(POSITION, self.position)
        if kind.endswith("_chunk") and "messageId" in update:
            key = (kind.removesuffix("_chunk"), update["messageId"])
            self.texts[key] = self.texts.get(key, "") + update["content"]["text"]
        elif kind in ("user_message", "agent_message", "agent_thought"):
            self.texts[kind, update["messageId"]] = "".join(block["text"] for block in update["content"])
        elif kind == "tool_call_update":
            self.calls.setdefault(update["toolCallId"], {}).update(update)
        elif kind == "state_update":
            self.state = update

    def shown(self) -> dict[tuple[str, str], str]:
        """All that is not empty."""
        return {key: text for key, text in self.texts.items() if text}


def screen_of(one: Editor, lines: int | None = None) -> Screen:
    """What this editor shows after so many of its lines."""
    screen = Screen()
    for line in one.lines[:lines]:
        if line.get("method") == "session/update":
            screen.take(line["params"])
    return screen


async def resumed(one: Editor, session_id: str, replay: dict[str, Any] | None) -> dict[str, Any]:
    more = {} if replay is None else {"replayFrom": replay}
    return await one.request("session/resume", sessionId=session_id, cwd="/tmp", **more)


async def test_a_prompt_is_answered_when_it_is_inserted_and_the_turn_ends_by_a_state(live: Live) -> None:
    async with editor(live.http) as one:
        assert (await one.initialize(2))["protocolVersion"] == 2
        session_id = await one.new()
        message_id = (await one.prompt(session_id, "think"))["result"]["messageId"]
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        screen = screen_of(one)
        assert screen.state["stopReason"] == "end_turn"
        assert screen.texts["user_message", message_id] == "think"
        assert {kind for kind, _ in screen.texts} == {"user_message", "agent_thought", "agent_message"}


async def test_a_call_waits_runs_and_ends(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "write a file")
        await one.until(lambda: one.asks)
        assert screen_of(one).state == {"sessionUpdate": "state_update", "state": "requires_action"}
        one.choose(one.asks[0], "once")
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        [call] = screen_of(one).calls.values()
        assert (call["status"], call["kind"]) == ("completed", "edit")


async def test_an_undo_takes_the_messages_back(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "hello")
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        await one.prompt(session_id, "/undo")
        await one.until(lambda: screen_of(one).shown() == {})


async def test_a_cancel_ends_the_turn_by_a_state(live: Live) -> None:
    async with editor(live.http) as one:
        await one.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "write a file")
        await one.until(lambda: one.asks)
        one.notify("session/cancel", sessionId=session_id)
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        assert screen_of(one).state["stopReason"] == "cancelled"
        assert [call["status"] for call in screen_of(one).calls.values()] == ["cancelled"]
        assert one.withdrawn == [one.asks[0]["id"]]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
async def test_a_resume_from_a_position_gives_what_is_missing_and_nothing_twice(live: Live, share: float) -> None:
    async with editor(live.http) as one, editor(live.http) as two:
        await one.initialize(2)
        await two.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "think")
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        await one.prompt(session_id, "write a file")
        await one.until(lambda: one.asks)
        lines = 3 + int((len(one.lines) - 3) * share)
        screen = screen_of(one, lines)
        if not screen.position:
            return
        result = await resumed(two, session_id, {"type": POSITION, **screen.position})
        assert "configOptions" in result, result
        await two.until(lambda: two.asks)
        for line in two.lines:
            if line.get("method") == "session/update":
                screen.take(line["params"])
        assert screen.shown() == screen_of(one).shown()
        assert screen.state["state"] == "requires_action"


async def test_a_resume_from_the_start_shows_all_and_one_without_shows_nothing(live: Live) -> None:
    async with editor(live.http) as one, editor(live.http) as two, editor(live.http) as three:
        for each in (one, two, three):
            await each.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "hello")
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        await resumed(two, session_id, {"type": "start"})
        await resumed(three, session_id, None)
        assert screen_of(two).shown() == screen_of(one).shown()
        assert screen_of(three).shown() == {}
        assert screen_of(three).state["state"] == "idle"
        told = [
            line for line in three.lines if "configOptions" in line.get("result", {}) or "state_update" in str(line)
        ]
        assert [line.get("method") for line in told] == ["session/update", None]


@pytest.mark.parametrize(
    "replay",
    [
        {"type": POSITION, "epoch": "another", "seq": 1},
        {"type": POSITION, "epoch": "", "seq": 10_000},
        {"type": POSITION},
        {"type": "middle"},
    ],
)
async def test_a_position_that_the_session_does_not_have_is_refused(live: Live, replay: dict[str, Any]) -> None:
    async with editor(live.http) as one:
        await one.initialize(2)
        session_id = await one.new()
        await one.prompt(session_id, "hello")
        await one.until(lambda: screen_of(one).state.get("stopReason"))
        async with SessionClient(live.http, session_id, feed_max=0) as client:
            replay = {**replay, "epoch": client.core.epoch} if replay.get("epoch") == "" else replay
        assert (await resumed(one, session_id, replay))["error"]["code"] == -32602
        assert "configOptions" in await resumed(one, session_id, {"type": "start"})


async def test_the_sdks_own_client_of_version_2_prompts_approves_and_resumes(live: Live) -> None:
    client = await asyncio.create_subprocess_exec(
        node_command(), str(SDK_CLIENT), *COMMAND, "--url", live.http, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await client.communicate()
    assert [json.loads(line) for line in output.splitlines()] == [
        {"protocolVersion": 2},
        {"inserted": True, "stopReason": "end_turn"},
        {"since": ["state_update"]},
        {"start": True},
        {"exit": 0},
    ]
