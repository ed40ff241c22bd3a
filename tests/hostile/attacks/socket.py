"""Attacks with websocket frames: a read guest, or a user, sends what costs the server the most."""

import asyncio
import contextlib
import json
from collections.abc import Iterator

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from protocol.codec import encode_msgpack
from protocol.submissions import UserInput
from tests.hostile.target import Target, Way

CHUNK_BYTES = 65_536
WAITING_BYTES_MAX = 1_048_576
MEBIBYTE = 1_048_576
HISTORY_MESSAGES = 7
"""With so many of the largest the history is full."""

ELSEWHERE = ("127.0.0.2", 0)
"""Another network than the quiet user's."""


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame of a client."""
    return Frame(opcode, data, fin).serialize(mask=True)


def repeated(data: bytes) -> bytes:
    """These bytes over and over, about `CHUNK_BYTES` of them."""
    return data * max(1, CHUNK_BYTES // len(data))


async def flood(target: Target, way: Way, chunks: "Iterator[bytes]", *, read: bool = True, **options: str) -> None:
    """Send chunks of raw bytes as fast as the server takes them; connect again after each end."""
    while True:
        with contextlib.suppress(WebSocketException, OSError, TimeoutError):
            async with target.socket(way, encoding=options.get("encoding", SUBPROTOCOL_JSON)) as socket:
                if not read:
                    socket.transport.pause_reading()
                await _send(socket, chunks)


async def _send(socket: ClientConnection, chunks: "Iterator[bytes]") -> None:
    for chunk in chunks:
        if socket.transport.is_closing():
            return
        socket.transport.write(chunk)
        while socket.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)


def forever(chunk: bytes, first: bytes = b"") -> "Iterator[bytes]":
    """`first`, then the same chunk again and again."""
    if first:
        yield first
    while True:
        yield chunk


async def empty_pings(target: Target) -> None:
    """Pings without a payload."""
    await flood(target, "read", forever(repeated(frame(Opcode.PING))))


async def pings_unread(target: Target) -> None:
    """Pings with the largest payload, and nothing is read."""
    await flood(target, "read", forever(repeated(frame(Opcode.PING, b"x" * 125))), read=False)


async def empty_fragments(target: Target) -> None:
    """A message that never ends, in fragments without a payload."""
    first = frame(Opcode.TEXT, b"{", fin=False)
    await flood(target, "read", forever(repeated(frame(Opcode.CONT, fin=False)), first))


async def line_feeds(target: Target) -> None:
    """Messages of line feeds alone, as large as they may be."""
    await flood(target, "read", forever(frame(Opcode.TEXT, b"\n" * (MEBIBYTE - 1))))


async def empty_texts(target: Target) -> None:
    """Empty messages."""
    await flood(target, "read", forever(repeated(frame(Opcode.TEXT))))


async def large_approvals(target: Target) -> None:
    """A user's `exec_approval`s of 1 MiB, back to back."""
    approval = {"tool_call_id": "c", "approved": True, "arguments": {"n": list(range(150_000))}}
    data = json.dumps({"type": "exec_approval", "approvals": [approval]}, separators=(",", ":")).encode()
    assert len(data) < MEBIBYTE
    await flood(target, "user", forever(frame(Opcode.TEXT, data)))


async def arrays_of_nils(target: Target) -> None:
    """A user's MessagePack arrays of a million nils."""
    data = b"\xdd" + (1_000_000).to_bytes(4, "big") + b"\xc0" * 1_000_000
    await flood(target, "user", forever(frame(Opcode.BINARY, data)), encoding=SUBPROTOCOL_MSGPACK)


async def half_heads(target: Target) -> None:
    """Connections that make one good request and then wait in the middle of the next head, all at once."""
    head = (
        f"GET /api/sessions/{target.shared_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {target.read}\r\n"
    ).encode()

    async def one() -> asyncio.StreamWriter | None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port, local_addr=ELSEWHERE)
            writer.write(head + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            return writer
        return None

    kept = await asyncio.gather(*(one() for _ in range(300)))
    assert any(kept)
    await asyncio.Event().wait()


async def half_open_connections(target: Target) -> None:
    """More connections than one address may have, without a pause, on which nothing is sent; then again."""
    while True:
        writers = []
        for _ in range(1_500):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", target.port, local_addr=ELSEWHERE)
                writers.append(writer)
        for writer in writers:
            writer.transport.abort()


async def unread_snapshots(target: Target) -> None:
    """A user's sockets on a long session whose text JSON must escape, each for the snapshot, and none is read."""

    async def one() -> None:
        while True:
            with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                async with target.socket("user") as socket:
                    socket.transport.pause_reading()
                    await asyncio.sleep(0.5)

    async with target.socket("user", encoding=SUBPROTOCOL_MSGPACK) as socket:
        for _ in range(HISTORY_MESSAGES):
            await socket.send(encode_msgpack(UserInput(text="\n" * 1_000_000)))
    await asyncio.gather(*(one() for _ in range(30)))
