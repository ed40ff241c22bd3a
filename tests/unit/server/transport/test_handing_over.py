"""Handing over: what a server does at its transport while other servers take its work."""

import asyncio
import signal
from collections.abc import Callable

import pytest
import websockets
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from server.config.server import ServerSettings
from server.config.settings import Settings
from server.transport.websocket import STOP_REASON
from tests.unit.server.serving import app_of, serving

ASK = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def me(request: Request) -> Response:
    return PlainTextResponse("me")


async def test_meanwhile_nothing_is_accepted_and_idle_connections_are_closed_until_a_second_signal() -> None:
    handing, calls = asyncio.Event(), []
    leave = asyncio.Event()

    async def stay(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("here")
        await leave.wait()
        await websocket.close(1001)

    async def hand_over(reason: str, cut_short: Callable[[], bool]) -> None:
        calls.append(reason)
        handing.set()
        while not cut_short():
            await asyncio.sleep(0)

    def drain(reason: str) -> None:
        calls.append("drained")
        leave.set()

    settings = Settings(server=ServerSettings(port=0, graceful_shutdown_s=5.0))
    app = app_of([WebSocketRoute("/ws", stay), Route("/api/me", me)], settings)
    app.state.hand_over, app.state.drain = hand_over, drain
    async with serving(app, settings) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(ASK)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
            assert await client.recv() == "here"
            running.server.handle_exit(signal.SIGTERM, None)
            await handing.wait()
            await reader.read()  # what is left, and the end
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", running.port)
            assert calls == [STOP_REASON]
            running.server.handle_exit(signal.SIGTERM, None)
            await client.wait_closed()
            assert client.close_code == 1001
        await running.stop()
        assert calls == [STOP_REASON, "drained"]
        writer.close()
