"""Connections without credentials: bounded in number, size of heads and time; and what proxies report of others."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from server.config.server import ServerSettings
from server.config.settings import Settings
from server.transport.http import HttpProtocol
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import Live, client, listening
from tests.support.network.bare_http import request, status
from tests.support.polling import eventually

SOON_S = 10.0


def bounded(data: Path, **server: Any) -> Settings:
    settings = settings_for(data)
    changed: ServerSettings = msgspec.structs.replace(settings.server, **built_in("server", server))
    return msgspec.structs.replace(settings, server=changed)


@contextlib.asynccontextmanager
async def opened(live: Live, said: bytes = b"") -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which no more than this is said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        writer.write(said)
        yield reader
    finally:
        writer.close()


@pytest.mark.parametrize("said", [b"", b"GET /ws HTTP/1.1\r\nHost: localhost\r\n", b"GET /livez HTTP/1.1\r\nX: "])
async def test_an_unfinished_request_head_is_cut_off(tmp_path: Path, said: bytes) -> None:
    async with listening(bounded(tmp_path, head_timeout_s=0.2)) as live, opened(live, said) as reader:
        async with asyncio.timeout(SOON_S):
            await reader.read()


async def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, head_bytes=2_048)) as live:
        async with opened(live, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000) as reader:
            async with asyncio.timeout(SOON_S):
                with contextlib.suppress(ConnectionResetError):
                    assert status(await reader.read()) == 400


async def test_unauthenticated_connections_are_limited_and_authenticated_ones_do_not_count(tmp_path: Path) -> None:
    async with listening(bounded(tmp_path, waiting_max=3)) as live, contextlib.AsyncExitStack() as stack:
        for _ in range(6):
            one = await stack.enter_async_context(client(live))
            await one.synced()
        for _ in range(3):
            await stack.enter_async_context(opened(live))
        async with asyncio.timeout(SOON_S):
            while status(await request(live.port, "/livez")) != 503:
                pass
        answer = await request(live.port, "/livez")
        assert b"retry-after" in answer.lower()
        assert b"without credentials" in answer
    async with listening(bounded(tmp_path, waiting_max=3)) as live:
        assert status(await request(live.port, "/livez")) == 200


def connections() -> int:
    """How many connections anything still holds."""
    gc.collect()
    return sum(isinstance(one, HttpProtocol) for one in gc.get_objects())


async def test_a_closed_connections_timer_is_released_at_once(
    tmp_path: Path,
) -> None:
    before = connections()
    async with listening(bounded(tmp_path, head_timeout_s=600.0)) as live:
        for _ in range(5):
            async with client(live) as one:
                await one.synced()
        await eventually(lambda: connections() <= before, "that none of five connections is held")


async def origin_is_good(live: Live, **headers: str) -> bool:
    async with httpx.AsyncClient(base_url=live.http, trust_env=False) as http:
        answer = await http.get(
            "/api/config", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
    return answer.status_code == 200


async def test_proxy_headers_are_used_from_trusted_proxies_alone(tmp_path: Path) -> None:
    """Who comes by https through a proxy has an https Origin; a forged header makes nobody's Origin good."""
    said = {"X_Forwarded_Proto": "https", "Origin": "https://localhost:8443", "X_Forwarded_Host": "localhost:8443"}
    async with listening(bounded(tmp_path / "a")) as live:
        assert not await origin_is_good(live, **said)
    async with listening(bounded(tmp_path / "b", trusted_proxies=["127.0.0.1", "::1"])) as live:
        assert await origin_is_good(live, **said)
        assert not await origin_is_good(live, **{**said, "Origin": "http://localhost:8443"})
        assert not await origin_is_good(live, **{**said, "X_Forwarded_Host": "evil.example"})
        assert not await origin_is_good(live, **{**said, "X_Forwarded_Proto": "gopher"})


@pytest.mark.parametrize("path", ["/", "/livez", "/api/config", "/nothing", "/api/sessions/x"])
async def test_every_answer_has_the_security_headers(tmp_path: Path, path: str) -> None:
    async with listening(bounded(tmp_path)) as live:
        async with httpx.AsyncClient(base_url=live.http, trust_env=False) as http:
            headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    if path == "/":
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
