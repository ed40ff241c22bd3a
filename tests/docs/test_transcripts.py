"""Transcripts in the documents: they happen as they are shown, with wscat, with the recorded frames, and with the Python client."""

import asyncio
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from agent.policy.settings import PolicySettings
from protocol import SUBPROTOCOL_JSON, codec
from protocol import events as ev
from protocol.frames import Synced
from protocol.view import View
from server.config.model import ModelChoice
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.journal.settings import JournalSettings
from tests.contract.sandboxes import bubblewrap
from tests.docs.documents import DOCUMENTS, examples
from tests.docs.transcript import STREAMED, Frame, Replay, as_frame, differences, parse, runs
from tests.integration.test_wscat import unhurried
from tests.support.constants import built_in
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client

CONVERSATIONS = [document for document in DOCUMENTS if examples(document, "console")]


@pytest.mark.parametrize("document", CONVERSATIONS)
async def test_a_conversation_with_wscat_is_what_happens(document: str, tmp_path: Path) -> None:
    bubblewrap()
    settings = msgspec.structs.replace(unhurried(tmp_path, local_token=True), policy=PolicySettings())
    async with listening(settings) as live:
        replay = Replay(live, tmp_path)
        for example in examples(document, "console"):
            for connection in parse(example.text):
                await replay.hold(connection)


def default_settings(data: Path, demo_token_ms: float) -> Settings:
    """A server's defaults, in a folder of the test's, on a free port."""
    built_in("model.calls", {"demo_token_ms": demo_token_ms})
    return Settings(
        server=ServerSettings(port=0, preload_model=False),
        journal=JournalSettings(data=str(data)),
        model=ModelChoice(model="demo"),
    )


def credentials(data: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {(data / 'token').read_text().strip()}"}


class Recorded:
    """The session that docs/protocol.md shows frame by frame: the lines of its examples, sent and received."""

    def __init__(self) -> None:
        self.parts = [example.text.splitlines() for example in examples("docs/protocol.md", "text")]

    def sent(self, part: int) -> list[str]:
        return [line[2:] for line in self.parts[part] if line.startswith("> ")]

    def received(self, part: int) -> list[Frame]:
        return [as_frame(line[2:]) for line in self.parts[part] if line.startswith("< ")]


async def client(live: Live, data: Path, path: str = "", view: View | None = None) -> Client:
    socket = await connect(
        live.ws + path,
        subprotocols=[Subprotocol(SUBPROTOCOL_JSON)],
        additional_headers=credentials(data),
        max_size=2**25,
    )
    return Client(socket, view)


def plain(frames: Any) -> list[Frame]:
    return [json.loads(codec.encode(frame)) for frame in frames]


def same(shown: list[Frame], actual: list[Frame]) -> None:
    """Compare; streamed pieces, of which the document shows some, by their type alone."""
    one, other = runs(shown, ("heartbeat",)), runs(actual, ("heartbeat",))
    assert [kind for kind, _ in other] == [kind for kind, _ in one]
    for (kind, expected), (_, found) in zip(one, other, strict=True):
        if kind not in STREAMED:
            assert [differences(e, f) for e, f in zip(expected, found, strict=True)] == [[]] * len(expected)


async def test_the_session_shown_frame_by_frame_is_what_happens(tmp_path: Path) -> None:
    bubblewrap()
    recorded = Recorded()
    async with listening(default_settings(tmp_path, 60.0)) as live:
        first = await client(live, tmp_path)
        await first.synced()
        begun = plain(first.frames)  # now: the view goes on with the snapshot's own lists
        session_id, epoch = first.ready.session_id, first.ready.epoch
        async with http_client(live.http, headers=credentials(tmp_path)) as http:
            put = await http.put(f"/api/sessions/{session_id}/files/holdfast-demo.txt", content=b"step 1\n")
            assert put.is_success, put.text
        other = await client(live, tmp_path, f"/{session_id}")
        await first.socket.send(recorded.sent(0)[0])
        await first.until(lambda frame: getattr(frame, "offset", 0) > 0)
        await first.socket.close()
        same(recorded.received(0), begun + plain(first.frames[len(begun) :]))

        request = await other.until_type(ev.ApprovalRequired)
        answer = next(frame for frame in recorded.received(1) if frame["type"] == "accepted")["submission"]
        answer["approvals"][0]["tool_call_id"] = request.tools[0].tool_call_id
        await other.socket.send(json.dumps(answer))
        await other.until_type(ev.ToolOutput)
        await other.until_type(ev.AssistantChunk)
        back = await client(live, tmp_path, f"/{session_id}?after={first.view.seq}&epoch={epoch}", first.view)
        await back.until_type(ev.TurnComplete)
        synced = next(place for place, frame in enumerate(back.frames) if isinstance(frame, Synced))
        shown = recorded.received(1)
        border = next(place for place, frame in enumerate(shown) if frame["type"] == "synced") + 1
        same(shown[:border], plain(back.frames[: synced + 1]))
        assert shown[-1]["type"] == "turn_complete"

        for submission in recorded.sent(2):
            await back.socket.send(submission)
        before = len(back.frames)
        await back.until(lambda _: len(back.frames) == before + 3)
        same(recorded.received(2), plain(back.frames[before:]))
        await asyncio.gather(back.socket.close(), other.socket.close())


async def test_the_client_in_python_gets_its_answer(tmp_path: Path) -> None:
    (example,) = examples("docs/protocol.md", "python")
    module = ModuleType("client_of_the_document")
    exec(compile(example.text, str(example), "exec"), module.__dict__)
    async with listening(default_settings(tmp_path, 0.0)) as live:
        token = (tmp_path / "token").read_text().strip()
        answer = await module.ask(f"ws://127.0.0.1:{live.port}", "hello", token)
    assert "demo model" in answer


def test_a_transcript_that_shows_something_else_is_found() -> None:
    shown = as_frame('{"type":"ready","session_id":"xemyLd_owUdtGSYBFhyxkA","seq":0,…,"state":"idle"}')
    actual = {"type": "ready", "session_id": "b4fc656d0f0dfee53fa2e1899899e33f", "seq": 3, "more": 1, "state": "idle"}
    assert re.match("session_id", differences(shown, actual)[0])
    actual["session_id"] = "xemyLd_owUdtGSYBFhyxkA"
    assert differences(shown, actual) == []
    assert differences(shown, {**actual, "state": "running"}) == ["state: 'running' instead of 'idle'"]
    assert differences(shown, {key: actual[key] for key in ("type", "session_id", "state", "seq")}) != []
    assert differences({"a": 1}, {"b": 1}) == ["a"]
    with pytest.raises(ValueError, match="no such line"):
        parse("$ wscat -c ws://localhost:7860/ws\nhello\n")


async def test_the_client_in_python_takes_its_largest_message_from_the_server(tmp_path: Path) -> None:
    (example,) = examples("docs/protocol.md", "python")
    module = ModuleType("example")
    exec(compile(example.text.replace("2**24", "2**11"), str(example), "exec"), module.__dict__)
    async with listening(default_settings(tmp_path, 0.0)) as live:
        token = (tmp_path / "token").read_text().strip()
        answer = await module.ask(f"ws://127.0.0.1:{live.port}", "hello " * 2_000, token)
    assert answer
