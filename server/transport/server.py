"""The body's frame: uvicorn with a websocket that can be cut off, and a stop that lets the app speak first."""

import asyncio
import contextlib
import inspect
import logging
import math
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Opcode
from websockets.http11 import Request

from server.config.settings import Settings
from server.transport.admission import EXTENSION as LOBBY
from server.transport.admission import Lobby, Seat
from server.transport.http import HttpProtocol
from server.transport.listeners import BACKLOG, listen_error
from server.transport.malloc import return_freed_memory
from server.transport.websocket import EXTENSION

log = logging.getLogger("holdfast.server")

DRAIN_REASON = "the server is restarting; reconnect with your position"
POLL_S = 0.02
COPIED_BYTES_MAX = 16_384
"""Below this it is cheaper to copy a message behind its header than to hand over both."""

Drain = Callable[[str], Awaitable[None] | None]


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket, bounded. `send_buffer_bytes` and `close_grace_s` come from the settings.

    It is a `server.transport.websocket.SocketTransport`, which the app finds in the ASGI scope's extensions.
    """

    send_buffer_bytes = 65_536
    close_grace_s = 2.0
    seat: Seat | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, from the lobby too."""
        super().connection_lost(exc)
        if self.seat is not None:
            self.seat.leave()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what is kept in the process for a peer that reads slowly."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=self.send_buffer_bytes)

    def handle_connect(self, event: Request) -> None:
        """Give the app its hand on the transport, before its task begins to run."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self
            extensions[LOBBY] = self.seat

    def unsent(self) -> int:
        """Bytes that wait in the process for the peer to take them."""
        return self.transport.get_write_buffer_size()

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message; large ones are not copied on their way to the socket. Raises `ClientDisconnected`."""
        await self.writable.wait()
        if not self.handshake_complete or self._is_ending():
            raise ClientDisconnected
        if self.conn.extensions:
            (self.conn.send_text if text else self.conn.send_binary)(data)
            self.transport.write(b"".join(self.conn.data_to_send()))
            return
        header = frame_header(Opcode.TEXT if text else Opcode.BINARY, len(data))
        if len(data) < COPIED_BYTES_MAX:
            self.transport.write(header + data)
        else:
            self.transport.write(header)
            self.transport.write(data)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind all that waits to be sent, without waiting for it; the peer has `close_grace_s` to take it."""
        if not self.handshake_complete or self._is_ending():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_grace_s, self.transport.abort)

    def abort(self) -> None:
        """Drop the connection at once, with all that waits to be sent."""
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """As uvicorn's; but a peer that does not answer a close is cut off, though there may be data to send.

        What an app sends behind a goodbye that it could not know of meets a disconnected client, not a fault of its
        own. A denied upgrade is a finished handshake too: uvicorn would log it as a fault of the app.
        """
        await self.writable.wait()
        if self.handshake_complete and self._is_ending():
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
        if self.close_timer is not None and message["type"] == "websocket.close":
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_grace_s, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """As uvicorn's; but a peer that has yet to take what was sent before the ping cannot have answered it.

        Whether such a peer takes anything is the app's to watch, by `unsent`.
        """
        if self.unsent():
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def _is_ending(self) -> bool:
        return self.close_sent or self.disconnected or self.transport.is_closing()

    def shutdown(self) -> None:
        """As uvicorn's; but a peer that does not read cannot hold up the stop."""
        super().shutdown()
        self.loop.call_later(self.close_grace_s, self.transport.abort)


class Server(uvicorn.Server):
    """Serves `app` on sockets made elsewhere, from its lifespan's start to its end.

    A stop (a signal, or `should_exit`) closes the listening sockets, calls `app.state.drain(reason)` if it is there,
    and waits for the sockets to say goodbye, before uvicorn closes what is left; all within `graceful_shutdown_s`. A
    second signal cuts that short. `announce` is called once the server accepts connections.
    """

    def __init__(self, app: Starlette, settings: Settings, announce: Callable[[], None] = lambda: None) -> None:
        super().__init__(_config(app, settings))
        self._app = app
        self._settings = settings
        self._announce = announce

    async def serve_app(self, sockets: list[socket.socket]) -> None:
        """Run until told to stop. Raises what the lifespan raises, and `ListenError`."""
        try:
            async with self._app.router.lifespan_context(self._app):
                await self.serve(sockets)
        finally:
            for sock in sockets:
                sock.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        for sock in sockets or []:
            try:
                sock.listen(BACKLOG)
            except OSError as error:
                address, port = sock.getsockname()[:2]
                raise listen_error(address, port, error) from error
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, let the app and its sockets say goodbye, then cut."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.server.graceful_shutdown_s
        for server in self.servers:
            server.close()
        await self._drain(deadline)
        left = max(0.0, deadline - loop.time())
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        await super().shutdown(sockets)

    async def _drain(self, deadline: float) -> None:
        drain: Drain | None = getattr(self._app.state, "drain", None)
        if drain is None:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                said = drain(DRAIN_REASON)
                if inspect.isawaitable(said):
                    await said
        except TimeoutError:
            log.warning("the sessions did not come to rest within server.graceful_shutdown_s; stopping all the same")
        goodbye = min(deadline, loop.time() + self._settings.socket.close_grace_s)
        # uvicorn tells nobody that a socket has closed
        while self._open_sockets() and loop.time() < goodbye and not self.force_exit:  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_S)

    def _open_sockets(self) -> bool:
        return any(isinstance(c, SocketProtocol) and not c.close_sent for c in self.server_state.connections)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: `signals` holds them, over the lifespan too."""
        yield

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the server while this is open; in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for a stop, the second for a quick one."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def run(app: Starlette, settings: Settings, sockets: list[socket.socket], announce: Callable[[], None]) -> NoReturn:
    """Serve until a signal, then end the process, exit code 0. Raises what the lifespan raises, and `ListenError`."""
    return_freed_memory()
    server = Server(app, settings, announce)

    async def main() -> None:
        with server.signals():
            await server.serve_app(sockets)

    runner = asyncio.Runner(loop_factory=server.config.get_loop_factory())
    try:
        runner.run(main())
    except BaseException:
        runner.close()
        raise
    _leave()


def _leave() -> NoReturn:
    """End the process now. All that had to be closed is closed; what is left would wait seconds for a library that is
    still being imported in a thread, or to take its thousands of modules apart."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def frame_header(opcode: Opcode, size: int) -> bytes:
    """What stands before the payload of a whole, unmasked message (RFC 6455, section 5.2)."""
    first = 0x80 | opcode
    if size < 126:
        return struct.pack("!BB", first, size)
    return struct.pack("!BBH", first, 126, size) if size < 65_536 else struct.pack("!BBQ", first, 127, size)


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    bounds, server = settings.socket, settings.server

    class BoundedSocket(SocketProtocol):
        send_buffer_bytes = bounds.send_buffer_bytes
        close_grace_s = bounds.close_grace_s

    class BoundedHttp(HttpProtocol):
        lobby = Lobby(server.waiting_max, server.waiting_per_address_max)
        proxies = server.networks
        head_timeout_s = server.head_timeout_s

    return uvicorn.Config(
        app,
        interface="asgi3",
        http=BoundedHttp,
        h11_max_incomplete_event_size=server.head_bytes,
        ws=BoundedSocket,
        ws_max_size=bounds.inbound_message_bytes,
        ws_ping_interval=bounds.ping_interval_s,
        ws_ping_timeout=bounds.ping_timeout_s,
        ws_per_message_deflate=bounds.permessage_deflate,
        lifespan="off",
        log_config=None,
        access_log=settings.server.access_log,
        proxy_headers=False,
        server_header=False,
        workers=1,
        backlog=BACKLOG,
        timeout_graceful_shutdown=math.ceil(settings.server.graceful_shutdown_s),
    )
