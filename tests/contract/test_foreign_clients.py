"""Websocket libraries of others, as they come, with the real server: what they tell a program of it."""

import asyncio
import subprocess
from pathlib import Path

import aiohttp
import msgspec
import pytest

from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.node import node_command

CLIENTS = Path(__file__).parents[1] / "support" / "npm" / "clients"


async def faye(live: Live, path: str) -> asyncio.subprocess.Process:
    """npm's faye-websocket on a socket at this path, once it has got a message."""
    if not (CLIENTS / "node_modules").exists():
        pytest.fail("faye-websocket is missing: run `make test` once, it installs it", pytrace=False)
    client = await asyncio.create_subprocess_exec(
        node_command(), str(CLIENTS / "close.cjs"), live.ws + path, stdout=subprocess.PIPE
    )
    assert client.stdout is not None
    assert msgspec.json.decode(await client.stdout.readline()) == {"open": True}
    return client


async def end_of(client: asyncio.subprocess.Process) -> tuple[int, str]:
    """The close code and the reason that the library tells."""
    output, _ = await client.communicate()
    told = msgspec.json.decode(output.splitlines()[-1])
    return told["code"], told["reason"]


async def test_a_library_that_does_not_know_1012_is_told_of_a_restart(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        client = await faye(live, "")
        live.server.should_exit = True
        assert await end_of(client) == (1001, "the server is restarting; reconnect with your position")


async def test_a_library_that_does_not_know_1012_is_told_of_it_after_its_session_fell_asleep(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        client = await faye(live, "")
        (actor,) = live.manager.registry.all()
        await live.manager.registry.end(actor)
        live.server.should_exit = True
        assert await end_of(client) == (1001, "the server is restarting; reconnect with your position")


async def test_a_library_with_a_small_bound_gets_a_large_session_once_it_says_so(tmp_path: Path) -> None:
    bound = 65_536  # the default of AnyEvent and Godot
    async with listening(settings_for(tmp_path)) as live:
        async with client(live) as one:
            await one.send(UserInput(text="hello " * 20_000))
            await one.until_type(*DONE)
        address = f"{live.ws}/{one.ready.session_id}"
        async with aiohttp.ClientSession() as http:
            async with http.ws_connect(address, max_msg_size=bound) as socket:
                kinds = [message.type async for message in socket]
                assert kinds == [aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.ERROR]
                assert socket.close_code == 1009
            async with http.ws_connect(f"{address}?max_message={bound}", max_msg_size=bound) as socket:
                types: list[str] = []
                while types[-1:] != ["synced"]:
                    types += [msgspec.json.decode(line)["type"] for line in (await socket.receive_str()).split("\n")]
                assert types == ["ready", "snapshot", "synced"]
