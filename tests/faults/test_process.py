"""Test processes: each test has a server of its own, at its own port, and nothing is left behind."""

import os
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.harness.order import Failpoint
from tests.faults.process.process import NotListening, ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import Client


async def hello(server: ServerProcess) -> str:
    async with connect(server.ws) as socket:
        one = Client(socket)
        await one.synced()
        return one.ready.session_id


async def test_a_killed_server_starts_again_at_the_same_port_and_folder(zygote: Zygote, tmp_path: Path) -> None:
    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data")) as server:
        await server.start()
        session_id = await hello(server)
        port, pid = server.port, server.pid
        assert await server.kill() == -9
        await server.start()
        assert (server.port, server.pid) != (port, pid)
        async with connect(f"{server.ws}/{session_id}?after=0") as socket:
            assert (await Client(socket).synced()).ready.recovered
        assert await server.terminate() == 0
        assert not os.path.exists(f"/proc/{pid}")


async def test_a_server_kills_itself_at_its_failpoint(zygote: Zygote, tmp_path: Path) -> None:
    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data")) as server:
        await server.start(Failpoint("create", 2, "before"))
        await hello(server)
        with pytest.raises((WebSocketException, OSError)):
            await hello(server)
        assert await server.ended() == -9
        assert server.calls()["create"] == 2


async def test_a_server_that_cannot_start_reports_the_reason(zygote: Zygote, tmp_path: Path) -> None:
    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data")) as server:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "journal.db").write_bytes(b"not a database" * 100)
        with pytest.raises(NotListening, match=r"ended with 1:\n.*journal\.db"):
            await server.start()
