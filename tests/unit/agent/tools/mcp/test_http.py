"""MCP over streamable HTTP: servers that are killed, late, closed, or need a token; a fault harms only its own calls."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from server.config.server import ServerSettings
from server.config.settings import Settings
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.node import node_command
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.odd_server import make_server
from tests.unit.agent.tools.mcp.servers import EVERYTHING, HttpServer, entry, noted, running_servers
from tests.unit.server.serving import serving


@pytest.fixture
async def odd_http(tmp_path: Path) -> AsyncIterator[str]:
    """The url of an odd server in the test's own loop."""
    async with _serving(tmp_path) as running:
        yield f"http://127.0.0.1:{running.port}/mcp"


def _serving(folder: Path, *, as_json: bool = False):  # type: ignore[no-untyped-def]  # as `serving`
    app = make_server(folder).streamable_http_app(json_response=as_json)
    return serving(app, Settings(server=ServerSettings(port=0, graceful_shutdown_s=0.1)))


async def test_tools_return_results_progress_and_files(tmp_path: Path, odd_http: str) -> None:
    async with running_servers(
        tmp_path, {"odd": entry(url=odd_http, headers={"Authorization": "Bearer of-the-config"})}
    ) as running:
        session = await running.session()
        assert (await session.run("echo", text="a", times=3)).output == "aaa"
        assert (await session.run("steps")).output == "done"
        assert "[3/3] step 3" in "".join(session.log) and "all steps done" in "".join(session.log)
        assert (await session.answer("whoami"))["authorization"] == "Bearer of-the-config"
        assert "saved in the workspace as mcp/" in (await session.run("picture")).output
        assert "decline" in (await session.run("ask")).output


async def test_two_users_of_one_server_hear_each_their_own_call(
    tmp_path: Path, odd_http: str, tasks: TaskOwner
) -> None:
    async with running_servers(tmp_path, {"odd": entry(url=odd_http)}) as running:
        ann, bob = await running.session("ann"), await running.session("bob")
        holding = tasks.start(bob.run("hold"), "hold")
        await eventually(lambda: "holding on" in "".join(bob.log), "bob's word")
        assert (await ann.run("steps")).success
        assert "all steps done" in "".join(ann.log) and "holding" not in "".join(ann.log)
        assert "steps" not in "".join(bob.log)
        holding.cancel()


async def test_added_and_removed_tools_are_noticed(tmp_path: Path, odd_http: str) -> None:
    async with running_servers(tmp_path, {"odd": entry(url=odd_http)}) as running:
        session = await running.session()
        await session.run("grow")
        await eventually(lambda: "late" in session.names(), "the new tool")


async def test_an_interrupt_is_sent_to_the_server(tmp_path: Path, odd_http: str, tasks: TaskOwner) -> None:
    async with running_servers(tmp_path, {"odd": entry(url=odd_http)}) as running:
        session = await running.session()
        call = tasks.start(session.run("hold"), "hold")
        await eventually(lambda: noted(tmp_path, "holding"), "the call")
        call.cancel()
        await eventually(lambda: noted(tmp_path, "cancelled"), "the server's hearing of it")


async def test_killed_in_the_middle_of_a_call_and_back_later(tmp_path: Path, tasks: TaskOwner) -> None:
    async with (
        HttpServer.odd("--folder", str(tmp_path)) as server,
        running_servers(tmp_path, {"odd": entry(url=server.url)}) as running,
    ):
        session = await running.session()
        call = tasks.start(session.run("hold"), "hold")
        await eventually(lambda: noted(tmp_path, "holding"), "the call")
        await server.kill()
        result = await call
        assert not result.success and "outcome is unknown" in result.output
        await eventually(lambda: running.state("odd")[0] == "down", "the end")
        away = await session.run("echo", text="x")
        assert not away.success and "an MCP server that is not available now: odd (" in away.output
        assert away.output.endswith("; the tools are: none")
        await server.start()
        await eventually(lambda: running.state("odd")[0] == "up", "the server")
        assert (await session.run("echo", text="back")).output == "back"


async def test_killed_while_nothing_runs_it_is_noticed(tmp_path: Path) -> None:
    async with HttpServer.odd() as server, running_servers(tmp_path, {"odd": entry(url=server.url)}) as running:
        session = await running.session()
        assert "echo" in session.names()
        await server.kill()
        await eventually(lambda: running.state("odd")[0] == "down", "the end")
        assert session.names() == []


async def test_down_at_the_start_it_appears_when_it_comes_up(tmp_path: Path) -> None:
    server = HttpServer.odd()
    async with running_servers(tmp_path, {"odd": entry(url=server.url)}) as running:
        session = await running.session()
        assert session.names() == [] and running.state("odd") == ("down", "it cannot be reached")
        try:
            await server.start()
            await eventually(lambda: "echo" in session.names(), "the tools")
        finally:
            await server.kill()


async def test_a_server_that_refuses_the_credentials_is_reported(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with running_servers(tmp_path, {"shut": entry(url=f"http://127.0.0.1:{port}/mcp")}) as running:
            await eventually(lambda: "401" in running.state("shut")[1], "the refusal")


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    taken: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        shut = entry(url=f"http://127.0.0.1:{port}/mcp", start_timeout_s=0.2)
        async with running_servers(tmp_path, {"shut": shut}) as running:
            await eventually(lambda: running.state("shut") == ("down", "it did not answer in time"), "giving up")
        for writer in taken:
            writer.close()


async def test_an_answer_beyond_the_bound_fails_the_call_alone(tmp_path: Path) -> None:
    for as_json in (True, False):
        async with _serving(tmp_path, as_json=as_json) as running:
            url = f"http://127.0.0.1:{running.port}/mcp"
            async with running_servers(tmp_path, {"odd": entry(url=url)}, message_bytes_max=65_536) as running:
                session = await running.session()
                flood = await session.run("flood", chars=300_000)
                assert not flood.success, f"json: {as_json}"
                await eventually(lambda: running.state("odd")[0] == "up", "the server")
                assert (await session.run("echo", text="on")).output == "on"


async def test_the_reference_server_over_http(tmp_path: Path) -> None:
    async with HttpServer(node_command(), str(EVERYTHING), "streamableHttp") as server:
        async with running_servers(tmp_path, {"all": entry(url=server.url)}) as running:
            session = await running.session()
            assert "7" in (await session.run("get-sum", a=3, b=4)).output
            assert "mcp/get-tiny-image-" in (await session.run("get-tiny-image")).output
            long = await session.run("trigger-long-running-operation", duration=0.2, steps=2)
            assert long.success and "[1/2]" in "".join(session.log)
            await server.kill()
            await eventually(lambda: running.state("all")[0] == "down", "the end")
            await server.start()
            await eventually(lambda: running.state("all")[0] == "up", "the server")
            assert "9" in (await session.run("get-sum", a=4, b=5)).output


async def test_a_call_whose_connection_is_cut_is_resumed_or_its_outcome_is_unknown(
    tmp_path: Path, tasks: TaskOwner
) -> None:
    """The reference server sends the rest of a stream to a client that comes back."""
    async with HttpServer(node_command(), str(EVERYTHING), "streamableHttp") as server:
        async with TcpProxy("127.0.0.1", server.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}/mcp"
            async with running_servers(tmp_path, {"all": entry(url=url)}) as running:
                session = await running.session()
                work = session.run("trigger-long-running-operation", duration=1, steps=10)
                call = tasks.start(work, "call")
                await eventually(lambda: "/10]" in "".join(session.log), "its progress")
                await proxy.cut()
                result = await call
                assert result.success or result.outcome_unknown, result.output
                assert "Failed to parse" not in result.output
