"""Clients that read nothing: they are cut off, not read on, and delay nobody."""

import asyncio
import re
import socket as sockets
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from protocol import codec
from protocol import events as ev
from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import Finish, Gate, ScriptedModel, Text, Tokens, stream, text
from tests.support.polling import eventually


def deaf(live: Live, session_id: str) -> sockets.socket:
    """A client that upgrades and then never reads."""
    sock = sockets.socket()
    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    sock.connect(("127.0.0.1", live.port))
    sock.sendall(
        f"GET /ws/{session_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return sock


async def test_one_client_that_reads_nothing_is_cut_off_and_hurts_nobody(tmp_path: Path) -> None:
    script = [stream(Tokens(20_000, text="a longer word of text "), Finish())]
    bounds = {"send_timeout_s": 0.5, "close_grace_s": 0.2}
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, socket=bounds)) as live,
        client(live) as talker,
    ):
        await talker.synced()
        sock = deaf(live, talker.ready.session_id)
        try:
            await talker.send(UserInput(text="much"))
            assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)
            ports = live.manager.registry.ports
            async with asyncio.timeout(10):
                while ports.sockets(talker.ready.session_id) > 1:
                    await asyncio.sleep(0)
        finally:
            sock.close()


async def test_a_client_that_repeats_a_submission_and_reads_no_answer_is_not_read_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "holdfast.socket")
    async with (
        ScriptedModel([text("Once.")]) as model,
        listening(settings_for(tmp_path, model, socket={"send_timeout_s": 1.0})) as live,
        client(live) as talker,
    ):
        again = UserInput(text="x" * 100_000, id="again")
        await talker.send(again)
        await talker.until_type(*DONE)
        messages = Frame(Opcode.TEXT, codec.encode(again)).serialize(mask=True) * 1_000
        with deaf(live, talker.ready.session_id) as sock:
            sock.setblocking(False)
            await eventually(lambda: live.manager.registry.ports.sockets(talker.ready.session_id) == 2)
            with pytest.raises(OSError):  # the server cuts it off
                await asyncio.get_running_loop().sock_sendall(sock, messages)
        read = re.findall(r"closed: 4408 .* (\d+) frames in", caplog.text)
        assert int(*read) < 100  # the rest waits in the buffers of the system


async def test_a_stop_does_not_wait_for_a_client_that_reads_nothing(tmp_path: Path) -> None:
    script = [stream(Tokens(20_000, text="a longer word of text "), Gate(), Text("."), Finish())]
    async with ScriptedModel(script) as model:
        async with listening(settings_for(tmp_path, model)) as live, client(live) as talker:
            await talker.synced()
            sock = deaf(live, talker.ready.session_id)
            await talker.send(UserInput(text="much"))
            await talker.until(lambda frame: isinstance(frame, ev.AssistantChunk) and frame.offset > 300_000)
        sock.close()
