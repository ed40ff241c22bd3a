"""Sizes: every client gets what its library takes, over real sockets whose library refuses one byte more."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.session.client import SessionClient
from clients.session.core import Position
from protocol import codec
from protocol import events as ev
from protocol.limits import MAX_MESSAGE_MIN
from protocol.submissions import UserInput
from server.websocket.sender import OUTBOUND_BATCH_BYTES
from tests.integration.test_session_client import items_until
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.model_script import Call
from tests.support.models.scripted_model import ScriptedModel, calls, text
from tests.support.parts import Assembler, Frame
from tests.support.polling import eventually

QUESTION = "What do they say? " * 3_000
ANSWER = '🦉 say "hoo"\n' * 4_000
ARGUMENTS = {"path": "owls.txt", "content": "hoo " * 10_000}
SCRIPT = [calls(Call("write", ARGUMENTS), before=ANSWER), text(*(["hoo "] * 50))]
"""The last answer is small."""


async def conversation(live: Live) -> str:
    """A session with large events of several kinds; its id."""
    async with client(live) as one:
        await one.send(UserInput(text=QUESTION))
        await one.until_type(*DONE)
        return one.ready.session_id


async def stored(live: Live, session_id: str) -> list[Frame]:
    """All events of a session, by HTTP."""
    async with httpx.AsyncClient(base_url=live.http) as http:
        answer = await http.get(f"/api/sessions/{session_id}/events", params={"limit": 1_000})
        page = answer.json()
        assert not page["more"]
        events: list[Frame] = page["events"]
        return events


async def frames_of(socket: ClientConnection, last: str) -> AsyncIterator[Frame]:
    """The frames of a socket up to one of this type."""
    while True:
        message = await socket.recv()
        for line in message.split("\n") if isinstance(message, str) else codec.split_msgpack(message):
            frame: dict[str, Any] = json.loads(line) if isinstance(line, str) else msgspec.msgpack.decode(line)
            yield frame
            if frame["type"] == last:
                return


async def read_all(socket: ClientConnection) -> None:
    """Read until the socket ends."""
    while True:
        await socket.recv()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of sockets."""
    records = [one for one in caplog.records if one.name == "holdfast.socket" and one.levelno >= logging.WARNING]
    return [record.getMessage() for record in records]


@pytest.mark.parametrize("subprotocol", ["holdfast.v1.json", "holdfast.v1.msgpack"])
async def test_a_client_of_the_smallest_size_gets_the_whole_journal(tmp_path: Path, subprotocol: Any) -> None:
    async with (
        ScriptedModel(SCRIPT) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        session_id = await conversation(live)
        events = await stored(live, session_id)
        whole = {event["seq"]: event for event in events}
        one = Assembler(lambda seq: whole[seq])
        url = f"{live.ws}/{session_id}?after=0&max_message={MAX_MESSAGE_MIN}"
        async with connect(url, max_size=MAX_MESSAGE_MIN, subprotocols=[subprotocol]) as socket:
            frames = [frame async for frame in frames_of(socket, "synced")]
    assert frames[0]["limits"]["outbound_frame_bytes"] == MAX_MESSAGE_MIN
    assert [taken for frame in frames[1:-1] if (taken := one.take(frame)) is not None] == events
    assert one.pieces > 1


async def test_a_live_client_of_the_smallest_size_gets_each_event(tmp_path: Path) -> None:
    async with (
        ScriptedModel(SCRIPT) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        async with connect(f"{live.ws}?max_message={MAX_MESSAGE_MIN}", max_size=MAX_MESSAGE_MIN) as socket:
            ready = json.loads(await socket.recv())
            await socket.send(codec.encode(UserInput(text=QUESTION)).decode())
            frames = [frame async for frame in frames_of(socket, "turn_complete")]
        assert [frame["omitted"] for frame in frames if frame["type"] == "accepted"] == [["/submission/text"]]
        (call,) = [frame for frame in frames if frame["type"] == "tool_call"]
        assert call["omitted"] == ["/arguments"]
        async with httpx.AsyncClient(base_url=live.http) as http:
            answer = await http.get(f"/api/sessions/{ready['session_id']}/events/{call['seq']}")
        assert answer.json()["arguments"] == ARGUMENTS
        built = ""
        for frame in frames:
            if frame["type"] == "assistant_message" and frame["tool_calls"]:
                assert "/text" in frame["omitted"]
                break
            if frame["type"] == "assistant_chunk":
                built = built[: frame["offset"]] + frame["text"]
        assert built == ANSWER


async def test_a_snapshot_of_the_smallest_size_leaves_out_the_oldest(tmp_path: Path) -> None:
    script = [*SCRIPT, *[text(f"Answer {number}. " * 40) for number in range(30)]]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        session_id = await conversation(live)
        async with client(live, session_id) as one:
            await one.synced()
            for _ in range(30):
                await one.send(UserInput(text="And then?"))
                await one.until_type(*DONE)
            newest = one.view.messages
        async with connect(f"{live.ws}/{session_id}?max_message=20000", max_size=20_000) as socket:
            _, snapshot, _ = [frame async for frame in frames_of(socket, "synced")]
    messages = snapshot["messages"]
    assert len(messages) + snapshot["omitted_messages"] == len(newest)
    assert len(messages) > 20
    assert [message["text"] for message in messages] == [getattr(one, "text", "") for one in newest[-len(messages) :]]


async def test_batches_are_small_enough_for_every_known_library(tmp_path: Path) -> None:
    script = [text("hoo") for _ in range(120)]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
        client(live) as one,
    ):
        for _ in range(120):
            await one.send(UserInput(text="And then?"))
            await one.until_type(*DONE)
        for encoding in ("json", "msgpack"):
            async with client(live, one.ready.session_id, encoding=encoding, after=0) as other:
                await other.synced()
                assert max(other.messages) <= OUTBOUND_BATCH_BYTES
                assert sum(other.messages) > 2 * OUTBOUND_BATCH_BYTES
                assert len(other.messages) < 10


@pytest.mark.parametrize(
    "query",
    ["max_message=16383", "max_message=x", "max_message=-1", "max_message=20000&max_message=20000", "final_response=0"],
)
async def test_a_size_that_makes_no_sense_is_refused(tmp_path: Path, query: str) -> None:
    async with listening(settings_for(tmp_path)) as live:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{live.ws}?{query}"):
                pass
    assert refused.value.response.status_code == 400
    assert query.partition("=")[0] in json.loads(refused.value.response.body)["message"]


async def test_text_is_not_said_twice_to_a_client_that_asks_for_it(tmp_path: Path) -> None:
    words = "Nothing is lost, and nothing is said twice. " * 200
    async with (
        ScriptedModel([text(words)]) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        async with connect(f"{live.ws}?final_response=no") as socket:
            (ready, *_) = [frame async for frame in frames_of(socket, "synced")]
            await socket.send(codec.encode(UserInput(text="Tell.")).decode())
            frames = [frame async for frame in frames_of(socket, "turn_complete")]
        assert "final_response" not in frames[-1]
        for encoding in ("json", "msgpack"):
            async with client(live, ready["session_id"], encoding=encoding, after=0, final_response="no") as other:
                await other.synced()
                assert sum(other.messages) <= 1.3 * len(words)
        async with client(live, ready["session_id"], after=0) as other:
            await other.synced()
            assert sum(other.messages) > 2 * len(words)
        async with SessionClient(live.http, ready["session_id"], position=Position("", 0)) as own:
            items = await items_until(own, ev.TurnComplete)
        done = items[-1]
        assert isinstance(done, ev.TurnComplete) and done.final_response == words, "it has the text of the message"


async def test_a_client_that_cannot_take_its_snapshot_is_logged_once_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        ScriptedModel(SCRIPT) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        session_id = await conversation(live)
        for _ in range(3):
            async with connect(f"{live.ws}/{session_id}", max_size=32_768) as socket:
                with pytest.raises(ConnectionClosed):
                    await read_all(socket)
        await eventually(lambda: not live.server.server_state.connections)
    (warning,) = warnings(caplog)
    assert session_id in warning
    assert "1009" in warning
    assert "max_message" in warning


async def test_a_client_that_cuts_behind_a_large_message_is_logged_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        ScriptedModel(SCRIPT) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        session_id = await conversation(live)
        async with connect(f"{live.ws}/{session_id}", max_size=2**24) as socket:
            _ = [frame async for frame in frames_of(socket, "synced")]
            socket.transport.abort()
        await eventually(lambda: not live.server.server_state.connections)
    (warning,) = warnings(caplog)
    assert "right behind a message of" in warning
    assert "max_message" in warning


async def test_a_client_that_leaves_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        ScriptedModel(SCRIPT) as model,
        listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live,
    ):
        session_id = await conversation(live)
        async with client(live, session_id) as one:
            await one.synced()
        async with connect(f"{live.ws}?max_message={MAX_MESSAGE_MIN}") as socket:
            _ = [frame async for frame in frames_of(socket, "synced")]
            socket.transport.abort()
        await eventually(lambda: not live.server.server_state.connections)
    assert warnings(caplog) == []


async def test_the_python_client_takes_its_largest_message_from_ready(tmp_path: Path) -> None:
    async with ScriptedModel(SCRIPT) as model:
        async with listening(settings_for(tmp_path, model, policy={"yolo_mode": True})) as live:
            session_id = await conversation(live)
            async with SessionClient(live.http, session_id, max_size=32_768) as own:
                assert len(own.view.messages) == 4
