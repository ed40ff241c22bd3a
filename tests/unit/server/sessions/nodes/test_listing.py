"""Lists of servers: each says the same of all, what sessions ask and what they have to do, and which of them runs a session."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from protocol import events as ev
from protocol.submissions import AnswerQuestion, UserInput
from server.ahp import catalog
from server.ahp.state import IDLE, INPUT_NEEDED
from server.cli.main import main
from server.sessions.rows import OpenQuestion, SessionInfo
from tests.support.application import settings_for
from tests.support.live import client, listening
from tests.support.models.scripted_model import Call, Gate, ScriptedModel, Text, calls, stream, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two


def rooms(database: str) -> dict[bytes, int]:
    """How many sessions more each server could wake, as it told."""
    with psycopg.connect(database) as connection:
        return dict(connection.execute("SELECT name, room FROM nodes").fetchall())


async def test_an_admin_sees_all_servers_at_each_and_stops_what_another_runs(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = [stream(Text("Once"), Gate())]
    async with (
        ScriptedModel(script, allow_complaints=True) as model,
        two(tmp_path, database, model, lease_s=2.0) as (a, b),
    ):
        async with client(a) as teller, http_client(base_url=b.http) as http, contextlib.AsyncExitStack() as sockets:
            await teller.send(UserInput(text="tell"))
            await teller.until_type(ev.AssistantChunk)
            for _ in range(2):
                await sockets.enter_async_context(client(b, teller.ready.session_id))

            async def get(path: str) -> Any:
                return (await http.get(f"/api/admin/{path}")).json()

            async def counted() -> bool:
                found = {one["name"]: (one["sessions"], one["sockets"]) for one in (await get("nodes"))["nodes"]}
                return found == {"a": (1, 1), "b": (0, 2)} and rooms(database) == {b"a": 49, b"b": 50}

            await eventually(counted)
            nodes = (await get("nodes"))["nodes"]
            assert [(one["name"], one["state"], one["here"], one["duties"]) for one in nodes] == [
                ("a", "alive", False, True),
                ("b", "alive", True, False),
            ]
            sessions = await get("sessions")
            assert [one["node"] for one in sessions["sessions"]] == ["a"]
            assert sessions["sockets"] == 3
            stopped = await http.post(f"/api/admin/sessions/{teller.ready.session_id}/stop")
            assert stopped.json() == {"stopped": True}
            await teller.until_type(ev.Interrupted)

            async def measured() -> bool:
                return await metric("feed_lag_seconds_count") >= 1 and await metric("inbox_wait_seconds_count") == 1

            async def metric(name: str) -> float:
                found = re.findall(rf"^holdfast_{name} (\S+)$", (await http.get("/metrics")).text, re.MULTILINE)
                return float(found[0])

            await eventually(measured)
            assert 0 <= await metric("beat_age_seconds") < 60
            assert await metric("owned_sessions") == 0, "a owns it"
            monkeypatch.setenv("HOLDFAST_JOURNAL_URL", database)
            assert main(["nodes", "--data", str(tmp_path), "--json"]) == 0
            listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert [one["number"] for one in listed] == [one["node"] for one in nodes]
        assert main(["nodes", "--data", str(tmp_path)]) == 0
        heading, *rows = capsys.readouterr().out.splitlines()
        assert heading.split()[:3] == ["NODE", "NAME", "STATE"]
        assert [(*row.split()[1:3], " yes " in row) for row in rows] == [("a", "alive", True), ("b", "alive", False)]


async def test_each_server_lists_a_question_that_is_asked_at_another_until_it_is_answered(
    tmp_path: Path, database: str
) -> None:
    script = [calls(Call("ask_user", {"question": "Which?"}, id="c1")), text("So be it.")]
    async with ScriptedModel(script) as model, two(tmp_path, database, model) as (a, b), client(a) as teller:

        async def listed() -> SessionInfo:
            (info,), _ = await b.manager.page_sessions("local", 10)
            return info

        await teller.send(UserInput(text="ask"))
        asked = await teller.until_type(ev.AskUser)
        told = await listed()
        expected = [OpenQuestion(asked.question.question_id, "c1", "the agent", "Which?")]
        assert (told.questions, told.state, told.is_processing) == (expected, "running", True)
        assert catalog.listed(told)["status"] == INPUT_NEEDED
        await teller.send(
            AnswerQuestion(question_id=asked.question.question_id, action="accept", content={"answer": "it"})
        )
        await teller.until_type(ev.TurnComplete)
        told = await listed()
        assert told.questions is msgspec.UNSET and catalog.listed(told)["status"] == IDLE


async def test_a_server_that_is_alone_lists_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live), http_client(base_url=live.http) as http:
        (node,) = (await http.get("/api/admin/nodes")).json()["nodes"]
        assert (node["state"], node["here"], node["sessions"], node["sockets"]) == ("alive", True, 1, 1)
        assert all("node" not in one for one in (await http.get("/api/admin/sessions")).json()["sessions"])
    assert main(["nodes", "--data", str(tmp_path)]) == 2
    assert "there is one server" in capsys.readouterr().err
