"""Server: uvicorn with bounded websockets and a graceful drain."""

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
from server.transport import admission, websocket
from server.transport.admission import EXTENSION as SLOT_EXTENSION
from server.transport.admission import ConnectionLimiter, Slot
from server.transport.http import HttpProtocol
from server.transport.listeners import BACKLOG, listen_error
from server.transport.malloc import return_freed_memory
from server.transport.websocket import EXTENSION as TRANSPORT_EXTENSION

log = logging.getLogger("holdfast.server")

DRAIN_REASON = "the server is restarting; reconnect with your position"
POLL_S = 0.02
COPIED_BYTES_MAX = 16_384
"""Below this it is cheaper to copy a message behind its header than to hand over both."""

Drain = Callable[[str], Awaitable[None] | None]


HEAD_BYTES = 32_768
"""Largest head of a request, with its cookies; a longer one gets HTTP 400. Every usual proxy allows as much or less."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket connection, with bounds. The app finds it in the ASGI scope's extensions as a `SocketTransport`.

    What may wait in the process for a slow peer is `SEND_BUFFER_BYTES`. `CLOSE_GRACE_S`: seconds that a peer has to take
    and answer a close frame.
    """

    slot: Slot | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot of a connection that has closed."""
        super().connection_lost(exc)
        if self.slot is not None:
            self.slot.release()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what waits in the process for a peer that reads slowly."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=websocket.SEND_BUFFER_BYTES)

    def handle_connect(self, event: Request) -> None:
        """As uvicorn's; puts the transport and the slot into the scope before the app's task runs."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[TRANSPORT_EXTENSION] = self
            extensions[SLOT_EXTENSION] = self.slot

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
        """Send a close frame behind all that waits to be sent, without waiting; cut the connection after `CLOSE_GRACE_S`."""
        if not self.handshake_complete or self._is_ending():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)

    def abort(self) -> None:
        """Drop the connection at once, with all that waits to be sent."""
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """As uvicorn's; but a peer that does not answer a close frame is cut off, even with data still to be sent.

        Raises `ClientDisconnected` after a close frame that the app may not know of. A denied upgrade counts as a
        finished handshake: uvicorn would log it as an error of the app.
        """
        await self.writable.wait()
        if self.handshake_complete and self._is_ending():
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
        if self.close_timer is not None and message["type"] == "websocket.close":
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """As uvicorn's; but not while data sent before the ping still waits: the peer cannot have answered yet.

        The app watches by `unsent` whether such a peer reads at all.
        """
        if self.unsent():
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def _is_ending(self) -> bool:
        return self.close_sent or self.disconnected or self.transport.is_closing()

    def shutdown(self) -> None:
        """As uvicorn's; but a peer that does not read cannot delay the stop: it is cut after `CLOSE_GRACE_S`."""
        super().shutdown()
        self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)


class Server(uvicorn.Server):
    """Serves `app` on sockets made elsewhere, from its lifespan's start to its end.

    A stop (a signal, or `should_exit`) closes the listening sockets, calls `app.state.drain(reason)` if there is one,
    and waits until each websocket has sent its close frame. Then uvicorn closes what is left. All of that takes at most
    `graceful_shutdown_s`; a second signal cuts it short. `announce` is called once the server accepts connections.
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
        """Listen on the sockets, then start uvicorn. Raises `ListenError`."""
        for sock in sockets or []:
            try:
                sock.listen(BACKLOG)
            except OSError as error:
                address, port = sock.getsockname()[:2]
                raise listen_error(address, port, error) from error
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, drain the app and its websockets, then close what is left."""
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
                draining = drain(DRAIN_REASON)
                if inspect.isawaitable(draining):
                    await draining
        except TimeoutError:
            log.warning(
                "the sessions did not end their work within server.graceful_shutdown_s; the server stops anyway"
            )
        closed_by = min(deadline, loop.time() + websocket.CLOSE_GRACE_S)
        # uvicorn has no event for a websocket that has closed
        while self._open_sockets() and loop.time() < closed_by and not self.force_exit:  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_S)

    def _open_sockets(self) -> bool:
        return any(isinstance(c, SocketProtocol) and not c.close_sent for c in self.server_state.connections)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `signals` handles them, during the lifespan too."""
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
        """Stop at the first signal; do not wait any more at the second."""
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
    _exit()


def _exit() -> NoReturn:
    """End the process with exit code 0, without the interpreter's own clean-up.

    Everything is closed already. The clean-up would take seconds: it waits for a thread that may still import a
    library, and it frees thousands of modules one by one.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def frame_header(opcode: Opcode, size: int) -> bytes:
    """The header of an unfragmented, unmasked frame with a payload of `size` bytes (RFC 6455, section 5.2)."""
    first = 0x80 | opcode
    if size < 126:
        return struct.pack("!BB", first, size)
    return struct.pack("!BBH", first, 126, size) if size < 65_536 else struct.pack("!BBQ", first, 127, size)


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    bounds, server = settings.socket, settings.server

    class BoundedHttp(HttpProtocol):
        limiter = ConnectionLimiter(admission.CONNECTIONS_MAX, admission.CONNECTIONS_PER_ADDRESS_MAX)
        proxies = server.networks
        head_timeout_s = server.head_timeout_s

    return uvicorn.Config(
        app,
        interface="asgi3",
        http=BoundedHttp,
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws=SocketProtocol,
        ws_max_size=bounds.inbound_message_bytes,
        ws_ping_interval=bounds.ping_interval_s,
        ws_ping_timeout=websocket.PING_TIMEOUT_S,
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
