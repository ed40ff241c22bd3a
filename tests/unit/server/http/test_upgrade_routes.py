"""The websocket's addresses without an upgrade: the answer and the log say what a proxy in between must pass on."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clients.session.client import SessionClient
from clients.session.errors import Denied
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.network.http_client import http_client


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as server:
        yield server


@contextlib.asynccontextmanager
async def dropping_upgrade(port: int) -> AsyncIterator[int]:
    """A proxy that passes on all of a request but `Upgrade` and `Connection`, as one does that was not told to; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        head = re.sub(rb"(?im)^(?:upgrade|connection): .*\r\n", b"", head)
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        requests.write(head[:-2] + b"Connection: close\r\n\r\n")
        writer.write(await answers.read())
        requests.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_client_behind_a_proxy_that_drops_upgrade_is_told_and_stays_away(live: Live) -> None:
    async with dropping_upgrade(live.port) as port:
        with pytest.raises(Denied, match="a proxy in between must pass both headers on") as denied:
            async with SessionClient(f"http://127.0.0.1:{port}"):
                pass
    assert (denied.value.status, denied.value.code) == (426, "upgrade_required")


@pytest.mark.parametrize("path", ["/ws", f"/ws/{'0' * 32}?after=3", "/ws/nothing"])
async def test_a_request_without_upgrade_is_426_whoever_asks(live: Live, path: str) -> None:
    async with http_client(live.http) as http:
        for headers in ({}, {"upgrade": "h2c", "connection": "upgrade"}, {"upgrade": "websocket"}):
            answer = await http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
            assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "Upgrade")
            assert "a proxy in between must pass both headers on" in answer.json()["message"]


async def test_the_log_says_it_once_for_each_host(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    async with http_client(live.http) as http:
        with caplog.at_level(logging.WARNING, "holdfast.socket"):
            for host in ("localhost", "localhost", "127.0.0.1"):
                await http.get("/ws", headers={"host": host})
    said = [record.getMessage() for record in caplog.records if "must pass both headers on" in record.getMessage()]
    assert [line.split()[3] for line in said] == ["localhost:", "127.0.0.1:"]
