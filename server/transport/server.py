"""Server: uvicorn with bounded websockets and a graceful drain."""

import asyncio
import contextlib
import inspect
import logging
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import NoReturn, cast

import uvicorn
from starlette.applications import Starlette

from agent.util.tasks import TaskOwner
from server.config.settings import Settings
from server.transport import acceptor, admission, websocket
from server.transport.admission import ConnectionLimiter
from server.transport.descriptors import raise_limit, watch_descriptors
from server.transport.fair_starts import FairStarts, Turns
from server.transport.http import HEADS_A_STEP, HttpProtocol
from server.transport.listeners import BACKLOG, listen_error
from server.transport.malloc import return_freed_memory
from server.transport.socket_protocol import FRAMES_PER_S_FACTOR, SocketProtocol

log = logging.getLogger("holdfast.server")

POLL_S = 0.02
HandOver = Callable[[str, Callable[[], bool]], Awaitable[None]]
Drain = Callable[[str], Awaitable[None] | None]


SWITCH_S = 0.001
"""How long a thread that computes goes on while the event loop wants to. The loop gives the interpreter's lock away at each system
call, so with the usual 5 ms a few such calls would stop it for 100 ms: https://docs.python.org/3/library/sys.html#sys.setswitchinterval"""

HEAD_TIMEOUT_S = 10.0
"""How long a connection may last without credentials, and each head may take: far more than a slow network needs for both."""

HEAD_BYTES = 32_768
"""Largest head of a request, with its cookies; a longer one gets HTTP 400. Every usual proxy allows as much or less."""


class Server(uvicorn.Server):
    """Serves `app` on sockets made elsewhere, from its lifespan's start to its end.

    A stop (a signal, or `should_exit`) closes the listening sockets, calls `app.state.hand_over(reason, cut_short)` and
    `app.state.drain(reason)` if there are any, and waits until each websocket has sent its close frame. Then uvicorn closes what is left. All of that after the
    handing over takes at most `graceful_shutdown_s`; a second signal cuts it short. `announce` is called once the server accepts connections.
    """

    def __init__(self, app: Starlette, settings: Settings, announce: Callable[[], None] = lambda: None) -> None:
        self._descriptors = raise_limit()
        super().__init__(_config(app, settings, self._descriptors))
        self._app = app
        self._settings = settings
        self._announce = announce

    async def serve_app(self, sockets: list[socket.socket]) -> None:
        """Run until told to stop. Raises what the lifespan raises, and `ListenError`."""
        tasks = TaskOwner("server")
        try:
            tasks.start(watch_descriptors(self._descriptors), "descriptors")
            async with self._app.router.lifespan_context(self._app):
                await self.serve(sockets)
        finally:
            await tasks.aclose()
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
        await super().startup([])  # it would accept in the order in which connections came
        waiting = acceptor.WaitingConnections(*acceptor.bounds(self._descriptors))
        accepting = acceptor.Acceptor(self._make_connection, waiting, self._settings.server.networks)
        accepting.start(sockets or [])
        self.servers = [accepting]  # type: ignore[list-item]  # it has what uvicorn uses of a server
        self._announce()

    def _make_connection(self) -> HttpProtocol:
        make = cast("type[HttpProtocol]", self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, drain the app and its websockets, then close what is left."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            server.close()
            await server.wait_closed()  # before the sockets that it accepts on are closed
        for sock in sockets or []:
            sock.close()  # whoever comes now is refused, and goes to another server, instead of waiting for the end of this one
        hand_over: HandOver | None = getattr(self._app.state, "hand_over", None)
        if hand_over is not None:
            self._close_idle()
            await hand_over(websocket.STOP_REASON, lambda: self.force_exit)
        deadline = loop.time() + self._settings.server.graceful_shutdown_s
        await self._drain(deadline)
        left = max(0.0, deadline - loop.time())
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        await super().shutdown(sockets)

    def _close_idle(self) -> None:
        """Close connections that wait for a request, and the others once it is answered: a proxy would send the next one here."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.shutdown()

    async def _drain(self, deadline: float) -> None:
        drain: Drain | None = getattr(self._app.state, "drain", None)
        if drain is None:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                draining = drain(websocket.STOP_REASON)
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


def run(
    app: Starlette,
    settings: Settings,
    sockets: list[socket.socket],
    announce: Callable[[], None],
    stopped: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Serve until a signal, then end the process, exit code 0. Raises what the lifespan raises, and `ListenError`.

    `announce` is called when the server is up, `stopped` when all is closed, however it ended.
    """
    return_freed_memory()
    sys.setswitchinterval(SWITCH_S)
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
    finally:
        stopped()
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


def _config(app: Starlette, settings: Settings, descriptors: int) -> uvicorn.Config:
    bounds, server, fair_starts = settings.socket, settings.server, FairStarts()
    head_turns = Turns(HEADS_A_STEP)

    class BoundedHttp(HttpProtocol):
        limiter = ConnectionLimiter(*admission.bounds(descriptors))
        proxies = server.networks
        head_timeout_s = HEAD_TIMEOUT_S
        head_bytes = HEAD_BYTES
        starts = fair_starts
        heads = head_turns

    class BoundedSocket(SocketProtocol):
        frames_per_s = FRAMES_PER_S_FACTOR * bounds.frames_per_s
        starts = fair_starts

    return uvicorn.Config(
        app,
        interface="asgi3",
        http=BoundedHttp,
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws=BoundedSocket,
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
