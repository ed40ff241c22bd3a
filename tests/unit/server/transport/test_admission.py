"""Connections without credentials: bounded in number, size of heads and time; and what proxies report of others."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.config.server import ServerSettings
from server.config.settings import Settings
from server.transport.admission import ConnectionLimiter
from server.transport.http import HttpProtocol
from server.transport.socket_protocol import SocketProtocol
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import Live, client, listening
from tests.support.network.bare_http import request, status
from tests.support.network.http_client import http_client
from tests.support.polling import eventually

SOON_S = 10.0

UPGRADE = (
    b"GET /ws/none HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)
"""Of a session that does not exist."""


def bounded(data: Path, **server: Any) -> Settings:
    settings = settings_for(data)
    changed: ServerSettings = msgspec.structs.replace(settings.server, **built_in("server", server))
    return msgspec.structs.replace(settings, server=changed)


@contextlib.asynccontextmanager
async def opened(live: Live, data: bytes = b"") -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which no more than this is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        writer.write(data)
        yield reader
    finally:
        writer.close()


@pytest.mark.parametrize("data", [b"", b"GET /ws HTTP/1.1\r\nHost: localhost\r\n", b"GET /livez HTTP/1.1\r\nX: "])
async def test_an_unfinished_request_head_is_cut_off(tmp_path: Path, data: bytes) -> None:
    async with listening(bounded(tmp_path, head_timeout_s=0.2)) as live, opened(live, data) as reader:
        async with asyncio.timeout(SOON_S):
            await reader.read()


async def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, head_bytes=2_048)) as live:
        async with opened(live, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000) as reader:
            async with asyncio.timeout(SOON_S):
                with contextlib.suppress(ConnectionResetError):
                    assert status(await reader.read()) == 400


async def test_the_oldest_unauthenticated_connection_makes_room_for_a_new_one(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, waiting_max=3)) as live, contextlib.AsyncExitStack() as stack:
        for _ in range(6):
            one = await stack.enter_async_context(client(live))
            await one.synced()
        oldest, *others = [await stack.enter_async_context(opened(live)) for _ in range(3)]
        assert status(await request(live.port, "/livez")) == 200
        async with asyncio.timeout(SOON_S):
            answer = await oldest.read()
        assert status(answer) == 503
        assert b"retry-after" in answer.lower()
        assert b"without credentials" in answer
        assert not others[1].at_eof()


def test_a_network_at_its_limit_makes_room_itself() -> None:
    evicted: list[str] = []
    limiter = ConnectionLimiter(4, 2)

    def acquire(name: str, address: str, *, shared: bool = False) -> None:
        limiter.acquire(address, lambda: evicted.append(name), shared=shared)

    acquire("quiet", "192.0.2.1")
    acquire("first", "2001:db8::1")
    acquire("second", "2001:db8::2")
    acquire("third", "2001:db8::3")
    assert evicted == ["first"], "64 bits of IPv6 are one network"
    acquire("proxied", "198.51.100.1", shared=True)
    acquire("more", "198.51.100.1", shared=True)
    assert evicted == ["first", "second"], "the network with the most makes room"
    assert len(limiter) == 4


async def test_a_head_must_end_in_time_after_a_good_request_too(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, head_timeout_s=0.2)) as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
        writer.write(b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(SOON_S):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 200
            writer.write(b"GET /api/sessions HTTP/1.1\r\nX: ")
            await reader.read()
        writer.close()


async def test_an_idle_connection_counts_as_unauthenticated_between_two_requests(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, waiting_max=2)) as live, contextlib.AsyncExitStack() as stack:
        head = b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n"
        async with asyncio.timeout(SOON_S):
            idle = []
            for _ in range(3):
                idle.append(await stack.enter_async_context(opened(live, head)))
                assert status(await idle[-1].readuntil(b"\r\n\r\n")) == 200
            ends = [await reader.read() for reader in idle]
            assert sum(b"without credentials" in end for end in ends) == 1


@pytest.mark.parametrize("path", ["/livez", "/ws"])
async def test_a_large_head_in_one_piece_is_refused(tmp_path: Path, path: str) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n" if path == "/ws" else "Connection: close\r\n"
    async with listening(bounded(tmp_path)) as live:
        head = f"GET {path}?q={'x' * 60_000} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n".encode()
        async with opened(live, head) as reader, asyncio.timeout(SOON_S):
            assert status(await reader.read()) in (400, 431)


def connections() -> int:
    """How many connections anything still holds, collected or not."""
    return sum(issubclass(type(one), (HttpProtocol, SocketProtocol)) for one in gc.get_objects())


async def ask(live: Live, head: bytes) -> None:
    async with opened(live, head + b"\r\nHost: localhost\r\n\r\n") as reader:
        await reader.readuntil(b"\r\n\r\n")


async def wait(live: Live) -> None:
    async with opened(live):
        await request(live.port, "/livez")


async def connect(live: Live) -> None:
    async with client(live) as one:
        await one.synced()


@pytest.mark.parametrize("use", [wait, partial(ask, head=b"GET /livez HTTP/1.1"), partial(ask, head=UPGRADE), connect])
async def test_a_closed_connection_is_freed_at_once_without_a_garbage_collection(
    tmp_path: Path, use: Callable[[Live], Awaitable[None]]
) -> None:
    gc.collect()
    gc.disable()
    try:
        before = connections()
        async with listening(bounded(tmp_path, head_timeout_s=600.0)) as live:
            for _ in range(5):
                await use(live)
            await eventually(lambda: connections() <= before, "that none of five connections is held")
    finally:
        gc.enable()


async def origin_is_good(live: Live, **headers: str) -> bool:
    async with http_client(live.http) as http:
        answer = await http.get(
            "/api/config", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
    return answer.status_code == 200


async def test_proxy_headers_are_used_from_trusted_proxies_alone(tmp_path: Path) -> None:
    """Who comes by https through a proxy has an https Origin; a forged header makes nobody's Origin good."""
    headers = {"X_Forwarded_Proto": "https", "Origin": "https://localhost:8443", "X_Forwarded_Host": "localhost:8443"}
    async with listening(bounded(tmp_path / "a")) as live:
        assert not await origin_is_good(live, **headers)
    async with listening(bounded(tmp_path / "b", trusted_proxies=["127.0.0.1", "::1"])) as live:
        assert await origin_is_good(live, **headers)
        assert not await origin_is_good(live, **{**headers, "Origin": "http://localhost:8443"})
        assert not await origin_is_good(live, **{**headers, "X_Forwarded_Host": "evil.example"})
        assert not await origin_is_good(live, **{**headers, "X_Forwarded_Proto": "gopher"})


@pytest.mark.parametrize("path", ["/", "/livez", "/api/config", "/nothing", "/api/sessions/x"])
async def test_every_answer_has_the_security_headers(tmp_path: Path, path: str) -> None:
    async with listening(bounded(tmp_path)) as live:
        async with http_client(live.http) as http:
            headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    if path == "/":
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]


async def test_heads_that_come_at_the_same_moment_whole_or_in_pieces_are_all_answered(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        connections = [await asyncio.open_connection("127.0.0.1", live.port) for _ in range(60)]
        head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for number, (_, writer) in enumerate(connections):
            writer.write(head if number % 2 else head[:20])
        await asyncio.sleep(0)
        for number, (_, writer) in enumerate(connections):
            if number % 2 == 0:
                writer.write(head[20:])
        answers = [await reader.read() for reader, _ in connections]
        assert {status(answer) for answer in answers} == {200}
        for _, writer in connections:
            writer.close()
