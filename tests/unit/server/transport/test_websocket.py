"""Websocket transport: on real sockets, and where the server has none. Stalled clients are in test_listeners."""

import pytest
import websockets
from starlette.routing import WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from server.transport.websocket import transport_of
from tests.unit.server.serving import app_of, serving, settings_for


@pytest.mark.parametrize("deflate", [False, True])
async def test_messages_of_every_size_arrive_whole_compressed_or_not(deflate: bool) -> None:
    sizes = (0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, 1_000_000)

    async def write(websocket: WebSocket) -> None:
        await websocket.accept()
        transport = transport_of(websocket.scope, websocket.send)
        for size in sizes:
            await transport.write(b"x" * size, text=True)
            await transport.write(b"y" * size, text=False)
        transport.close(1000, "that was all")

    settings = settings_for(permessage_deflate=deflate)
    async with serving(app_of([WebSocketRoute("/ws", write)], settings), settings) as running:
        async with websockets.connect(f"ws://localhost:{running.port}/ws", max_size=2**21) as client:
            for size in sizes:
                assert await client.recv() == "x" * size
                assert await client.recv() == b"y" * size
            with pytest.raises(websockets.ConnectionClosedOK, match="that was all"):
                await client.recv()


async def test_nothing_is_sent_after_a_close_frame() -> None:
    async def write(websocket: WebSocket) -> None:
        await websocket.accept()
        transport = transport_of(websocket.scope, websocket.send)
        transport.close(4408, "first")
        transport.close(1000, "second")
        with pytest.raises(OSError):
            await transport.write(b"x", text=True)

    settings = settings_for()
    async with serving(app_of([WebSocketRoute("/ws", write)], settings), settings) as running:
        async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
            with pytest.raises(websockets.ConnectionClosedError, match="first"):
                await client.recv()


async def test_under_another_server_messages_are_sent_through_asgi(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    transport = transport_of({"type": "websocket"}, send)
    await transport.write(b"hello", text=True)
    await transport.write(b"hello", text=False)
    assert [message.get("text", message.get("bytes")) for message in sent] == ["hello", b"hello"]
    assert transport.unsent() == 0
    transport.close(4408, "too slow")
    transport.abort()
    assert caplog.text.count("not started by `holdfast serve`") == 2
