"""Listeners: listening, cut connections and stopping, on real sockets."""

import asyncio
import logging
import os
import signal
import socket as sockets_of_the_os
import struct
from collections.abc import Iterator

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.config.loader import SettingsError
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.transport import listeners
from server.transport.server import Server
from server.transport.websocket import STOP_REASON, SocketTransport, transport_of
from tests.unit.server.serving import WAIT_S, app_of, serving, settings_for


def settings_on(host: str, port: int = 0) -> Settings:
    return Settings(server=ServerSettings(host=host, port=port))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with sockets_of_the_os.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def has_ipv6() -> bool:
    with sockets_of_the_os.socket(sockets_of_the_os.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_localhost_listens_on_ipv4_and_ipv6_on_one_port(host: str) -> None:
    opened = listeners.open_sockets(settings_on(host))
    try:
        names = [sock.getsockname()[:2] for sock in opened]
        assert [name[0] for name in names] == (["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"])
        assert len({name[1] for name in names}) == 1
        assert listeners.local_port(opened) == names[0][1]
        assert listeners.urls(opened)[0] == f"http://127.0.0.1:{names[0][1]}"
    finally:
        for sock in opened:
            sock.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "0"])
def test_local_mode_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.host: refusing to listen on .*local mode"):
        listeners.open_sockets(settings_on(host))


def test_a_port_in_use_is_a_plain_error(taken: int) -> None:
    with pytest.raises(listeners.ListenError, match=rf"127\.0\.0\.1:{taken} is in use by another process"):
        listeners.open_sockets(settings_on("127.0.0.1", taken))


def test_a_host_that_is_no_address_is_a_plain_error() -> None:
    with pytest.raises(listeners.ListenError, match=r"server\.host: 'no such host' is no address"):
        listeners.open_sockets(settings_on("no such host"))


@pytest.mark.parametrize("workers", ["2", " 3 "])
def test_several_worker_processes_are_refused(workers: str) -> None:
    with pytest.raises(SettingsError, match=r"WEB_CONCURRENCY=1: one process .*nodes\.several"):
        listeners.refuse_workers({"WEB_CONCURRENCY": workers})


@pytest.mark.parametrize("environ", [{}, {"WEB_CONCURRENCY": "1"}, {"WEB_CONCURRENCY": ""}])
def test_one_worker_process_is_accepted(environ: dict[str, str]) -> None:
    listeners.refuse_workers(environ)


def test_a_descriptor_that_is_no_tcp_socket_is_refused() -> None:
    with pytest.raises(listeners.ListenError, match="--fd 987: not an open socket"):
        listeners.adopt_socket(987, Settings())
    with sockets_of_the_os.socket(type=sockets_of_the_os.SOCK_DGRAM) as udp:
        with pytest.raises(listeners.ListenError, match="must be a TCP socket"):
            listeners.adopt_socket(udp.fileno(), Settings())
    read, write = os.pipe()
    with pytest.raises(listeners.ListenError, match="not an open socket"):
        listeners.adopt_socket(read, Settings())
    os.close(read)
    os.close(write)


def test_an_inherited_socket_must_fit_local_mode() -> None:
    with sockets_of_the_os.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        with pytest.raises(SettingsError, match="local mode"):
            listeners.adopt_socket(sock.fileno(), Settings())


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def test_an_inherited_socket_is_served_and_outlives_the_server() -> None:
    given = sockets_of_the_os.socket()
    given.bind(("127.0.0.1", 0))
    given.listen()
    port = given.getsockname()[1]
    settings = settings_for()
    sock = listeners.adopt_socket(os.dup(given.fileno()), settings)
    async with serving(app_of([WebSocketRoute("/ws", echo)], settings), settings, [sock]) as running:
        assert running.port == port
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as client:
            await client.send("hello")
            assert await client.recv() == "hello"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    given.close()


async def test_two_servers_do_not_listen_on_one_port() -> None:
    settings = settings_for()
    first = listeners.open_sockets(settings)
    port = listeners.local_port(first)
    assert port is not None
    second = listeners.open_sockets(settings_on("127.0.0.1", port))
    for sock in first:
        sock.listen()
    with pytest.raises(listeners.ListenError, match="is in use"):
        await Server(Starlette(), settings).serve_app(second)
    for sock in first:
        sock.close()


class Flood:
    """A socket's server side that sends without end; the test holds its hand."""

    def __init__(self) -> None:
        self.stalled = asyncio.Event()
        self.ended = asyncio.Event()
        self.sent_bytes = 0
        self.transport: SocketTransport | None = None

    async def serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.transport = transport_of(websocket.scope, websocket.send)
        try:
            while True:
                async with asyncio.timeout(0.5):
                    await websocket.send_bytes(bytes(16_384))
                self.sent_bytes += 16_384
        except TimeoutError:
            self.stalled.set()
        try:
            await websocket.send_bytes(b"never comes through")
        except WebSocketDisconnect:
            self.ended.set()

    def abort(self) -> None:
        assert self.transport is not None
        self.transport.abort()


async def stalled_client(port: int) -> sockets_of_the_os.socket:
    """A client that says hello and then never reads."""
    sock = sockets_of_the_os.socket()
    sock.setsockopt(sockets_of_the_os.SOL_SOCKET, sockets_of_the_os.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    request = (
        f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await loop.sock_sendall(sock, request.encode())
    return sock


async def test_a_client_that_does_not_read_costs_little_and_is_freed_by_abort() -> None:
    settings = settings_for(send_buffer_bytes=32_768)
    flood = Flood()
    async with serving(app_of([WebSocketRoute("/ws", flood.serve)], settings), settings) as running:
        client = await stalled_client(running.port)
        await asyncio.wait_for(flood.stalled.wait(), WAIT_S)
        assert flood.sent_bytes < 500_000
        flood.abort()
        await asyncio.wait_for(flood.ended.wait(), WAIT_S)
        client.close()


def test_abort_frees_a_client_under_uvloop_too() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_a_client_that_does_not_read_costs_little_and_is_freed_by_abort())


async def test_a_client_that_does_not_read_is_freed_by_the_kernel_after_the_send_timeout() -> None:
    settings = settings_for(send_timeout_s=0.8, close_grace_s=0.2, send_buffer_bytes=32_768)
    flood = Flood()
    async with serving(app_of([WebSocketRoute("/ws", flood.serve)], settings), settings) as running:
        client = await stalled_client(running.port)
        await asyncio.wait_for(flood.ended.wait(), WAIT_S)
        client.close()


async def test_a_client_that_does_not_read_delays_no_stop() -> None:
    settings = settings_for(close_grace_s=0.2, send_buffer_bytes=32_768)
    flood = Flood()
    loop = asyncio.get_running_loop()
    async with serving(app_of([WebSocketRoute("/ws", flood.serve)], settings), settings) as running:
        client = await stalled_client(running.port)
        await asyncio.wait_for(flood.stalled.wait(), WAIT_S)
        began = loop.time()
        await running.stop()
        assert loop.time() - began < settings.server.graceful_shutdown_s - 1
        client.close()


async def test_a_client_that_does_not_answer_a_close_is_cut_off() -> None:
    async def close(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4408)

    settings = settings_for(close_grace_s=0.2)
    async with serving(app_of([WebSocketRoute("/ws", close)], settings), settings) as running:
        client = await stalled_client(running.port)
        loop = asyncio.get_running_loop()
        received = b""
        async with asyncio.timeout(WAIT_S):
            try:
                while more := await loop.sock_recv(client, 4096):
                    received += more
            except ConnectionResetError:
                pass
        assert received.endswith(b"\x88\x02" + struct.pack("!H", 4408))
        client.close()


async def test_a_stop_drains_the_app_first() -> None:
    leave = asyncio.Event()
    reasons: list[str] = []

    async def held(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("here")
        await leave.wait()
        await websocket.close(1001, reasons[0])

    def drain(reason: str) -> None:
        reasons.append(reason)
        leave.set()

    settings = settings_for()
    app = app_of([WebSocketRoute("/ws", held)], settings)
    app.state.drain = drain
    async with serving(app, settings) as running:
        async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
            assert await client.recv() == "here"
            running.server.should_exit = True
            with pytest.raises(websockets.ConnectionClosedOK) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, reasons[0])
        await running.stop()
        with pytest.raises(OSError):
            await websockets.connect(f"ws://localhost:{running.port}/ws")


async def test_a_drain_without_end_is_cut_at_the_graceful_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    async def drain(reason: str) -> None:
        await asyncio.Event().wait()

    settings = Settings(server=ServerSettings(port=0, graceful_shutdown_s=0.2))
    app = app_of([WebSocketRoute("/ws", echo)], settings)
    app.state.drain = drain
    async with serving(app, settings) as running:
        with caplog.at_level(logging.WARNING):
            await running.stop()
    assert "graceful_shutdown_s" in caplog.text


async def test_a_second_signal_ends_the_drain() -> None:
    async def stay(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("here")
        await asyncio.Event().wait()

    settings = Settings(server=ServerSettings(port=0, graceful_shutdown_s=600.0))
    async with serving(app_of([WebSocketRoute("/ws", stay)], settings), settings) as running:
        async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
            assert await client.recv() == "here"
            running.server.handle_exit(signal.SIGTERM, None)
            running.server.handle_exit(signal.SIGTERM, None)
            await running.stop()
            await client.wait_closed()
            assert (client.close_code, client.close_reason) == (1001, STOP_REASON)


async def test_an_exception_at_start_up_is_raised() -> None:
    class Fault(Exception):
        pass

    def lifespan(app: Starlette) -> object:
        raise Fault

    settings = settings_for()
    server = Server(Starlette(lifespan=lifespan), settings)  # type: ignore[arg-type]  # it fails before it matters
    with pytest.raises(Fault):
        await server.serve_app(listeners.open_sockets(settings))


async def test_a_message_larger_than_the_limit_is_refused_with_1009() -> None:
    settings = settings_for(inbound_message_bytes=2_048)
    async with serving(app_of([WebSocketRoute("/ws", echo)], settings), settings) as running:
        async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
            await client.send("x" * 2_048)
            assert len(await client.recv()) == 2_048
            await client.send("x" * 2_049)
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


async def test_messages_are_not_compressed_by_default() -> None:
    for enabled in (False, True):
        settings = settings_for(permessage_deflate=enabled)
        async with serving(app_of([WebSocketRoute("/ws", echo)], settings), settings) as running:
            async with websockets.connect(f"ws://localhost:{running.port}/ws") as client:
                assert bool(client.protocol.extensions) is enabled
