"""Socket protocol: frames of every kind are counted and parsed in slices, so that no peer holds up the others."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState
from websockets.frames import Opcode

from agent.util.tasks import TaskOwner
from server.transport import websocket
from server.transport.frame_header import frame_header
from server.transport.frame_slices import SLICE_BYTES
from server.transport.socket_protocol import (
    FRAGMENT_BYTES,
    FRAMES_BURST,
    UNPARSED_BYTES_MAX,
    SocketProtocol,
)
from tests.support.polling import eventually

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CONT, TEXT, BINARY, PING = 0, 1, 2, 9
PONG = b"\x8a\x00"
READ_BYTES = 262_144
FRAMES_A_SLICE = SLICE_BYTES // 6 + 1


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as a client sends it, under a mask that changes nothing (RFC 6455, section 5.2)."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    elif len(data) < 65_536:
        head += b"\xfe" + struct.pack("!H", len(data))
    else:
        head += b"\xff" + struct.pack("!Q", len(data))
    return head + bytes(4) + data


class Wire(asyncio.Transport):
    """A transport in memory. `unread`: what the peer has not taken; `reading`: whether the protocol wants more."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unread = 0
        self.reading = True
        self.cut = self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.cut = self.closing = True


class Peer:
    """A peer of a socket protocol whose app takes messages while `taking` is set, and puts them into `messages`."""

    def __init__(self) -> None:
        self.taking = asyncio.Event()
        self.messages: list[str | bytes] = []
        config = uvicorn.Config(
            self._app, interface="asgi3", ws_max_size=2**20, ws_ping_interval=None, log_config=None, lifespan="off"
        )
        self.protocol = SocketProtocol(config, ServerState(), {})
        self.wire = Wire()

    async def open(self) -> None:
        """Shake hands."""
        self.protocol.connection_made(self.wire)
        self.send(UPGRADE)
        await eventually(lambda: b" 101 " in self.wire.written, "that the upgrade is accepted")
        self.wire.written.clear()

    def send(self, data: bytes) -> None:
        """Let the protocol have these bytes as one read of the event loop would give them."""
        self.protocol.data_received(data)

    async def send_all(self, data: bytes) -> None:
        """Let the protocol have all of this as it reads it."""
        for start in range(0, len(data), READ_BYTES):
            for _ in range(1_000):
                if not self.wire.reading:
                    await asyncio.sleep(0)
            self.send(data[start : start + READ_BYTES])

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await self.taking.wait()
            message: Message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            self.messages.append(message["bytes"] if text is None else text)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """An open connection; cut at the end."""
    peer = Peer()
    await peer.open()
    yield peer
    peer.wire.abort()
    peer.taking.set()
    peer.protocol.connection_lost(None)
    await asyncio.gather(*peer.protocol.tasks)


async def turns(count: int) -> None:
    """Let everything that is ready run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_pings_over_the_bound_are_not_read(peer: Peer) -> None:
    await peer.send_all(frame(PING) * 4 * FRAMES_BURST)
    await turns(100)
    answered = peer.wire.written.count(PONG)
    assert FRAMES_BURST <= answered <= FRAMES_BURST + FRAMES_A_SLICE
    assert not peer.wire.reading


async def test_one_peer_parses_some_frames_and_then_lets_others_run(peer: Peer) -> None:
    peer.send(frame(PING) * FRAMES_BURST)
    assert 0 < peer.wire.written.count(PONG) <= FRAMES_A_SLICE
    await turns(100)
    assert peer.wire.written.count(PONG) == FRAMES_BURST


async def test_pings_of_a_peer_that_does_not_read_are_not_answered(peer: Peer) -> None:
    peer.wire.unread = websocket.SEND_BUFFER_BYTES + FRAGMENT_BYTES + 1
    peer.send(frame(PING) * 100)
    assert not peer.wire.written
    peer.wire.unread = 0
    peer.send(frame(PING))
    assert bytes(peer.wire.written) == PONG


@pytest.mark.parametrize(("opcode", "whole"), [(TEXT, "abc"), (BINARY, b"abc")])
async def test_empty_fragments_do_not_pile_up(peer: Peer, opcode: int, whole: str | bytes) -> None:
    peer.taking.set()
    peer.send(frame(opcode, b"a", fin=False))
    peer.send(frame(CONT, fin=False) * 100)
    peer.send(frame(CONT, b"b", fin=False))
    assert len(peer.protocol.frames) == 1
    peer.send(frame(CONT, b"c"))
    await eventually(lambda: bool(peer.messages), "that the message arrives")
    assert peer.messages == [whole]


async def test_a_message_of_a_megabyte_is_not_held_in_one_frame_or_in_fragments(peer: Peer) -> None:
    peer.taking.set()
    text = "0123456789abcdef" * 65_536
    await peer.send_all(frame(TEXT, text.encode()))
    pieces = [text[start : start + 2_048].encode() for start in range(0, len(text), 2_048)]
    fragments = [frame(TEXT, pieces[0], fin=False), *(frame(CONT, piece, fin=False) for piece in pieces[1:])]
    await peer.send_all(b"".join(fragments) + frame(CONT))
    await turns(200)
    assert [len(message) for message in peer.messages] == [len(text), len(text)]
    assert peer.messages[1] == text
    assert peer.wire.reading


async def test_a_large_message_goes_out_in_fragments_each_after_the_peer_took_the_one_before(
    peer: Peer, tasks: TaskOwner
) -> None:
    data = b"x" * (3 * FRAGMENT_BYTES + 1)
    peer.protocol.pause_writing()
    writing = tasks.start(peer.protocol.write(data, text=True), "write")
    for sent in range(4):
        await turns(5)
        assert peer.protocol.sent_bytes == sent * FRAGMENT_BYTES
        peer.protocol.resume_writing()
        await turns(1)
        peer.protocol.pause_writing()
        if sent == 1:
            peer.send(frame(PING))  # control frames come between the fragments of a message
    await writing
    headers = [
        frame_header(Opcode.TEXT, FRAGMENT_BYTES, fin=False),
        frame_header(Opcode.CONT, FRAGMENT_BYTES, fin=False),
        frame_header(Opcode.CONT, FRAGMENT_BYTES, fin=False),
        frame_header(Opcode.CONT, 1),
    ]
    assert bytes(peer.wire.written).replace(b"x", b"") == b"".join([*headers[:2], PONG, *headers[2:]])


async def test_a_close_frame_does_not_wait_for_the_rest_of_a_large_message(peer: Peer, tasks: TaskOwner) -> None:
    writing = tasks.start(peer.protocol.write(bytes(9 * FRAGMENT_BYTES), text=False), "write")
    await turns(1)
    peer.protocol.close(4408, "too slow")
    with pytest.raises(ClientDisconnected):
        await writing
    assert peer.wire.written.endswith(b"too slow")
    assert peer.protocol.sent_bytes < 9 * FRAGMENT_BYTES


async def test_messages_wait_unparsed_until_the_app_takes_those_before_them(peer: Peer) -> None:
    peer.send(frame(TEXT) * 600)
    await turns(100)
    assert peer.protocol.queue.qsize() <= FRAMES_A_SLICE
    assert not peer.wire.reading
    peer.taking.set()
    await eventually(lambda: len(peer.messages) == 600, "that all messages arrive")


async def test_bytes_count_as_frames_do(peer: Peer) -> None:
    peer.taking.set()
    await peer.send_all(frame(BINARY, bytes(900_000)) * 14)
    await turns(100)
    assert len(peer.messages) < 14
    assert not peer.wire.reading


async def test_a_peer_that_sends_on_while_it_is_held_is_cut_off(peer: Peer) -> None:
    peer.send(frame(PING) * 2 * FRAMES_BURST)
    await turns(100)
    peer.send(bytes(UNPARSED_BYTES_MAX))
    assert peer.wire.cut
