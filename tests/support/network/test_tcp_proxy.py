"""TCP proxy: does to a connection what it was told, and nothing else."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.network.tcp_proxy import TcpProxy

WAIT_S = 10.0
ROOT = Path(__file__).resolve().parents[3]


class Client:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, count: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(count), WAIT_S)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self._reader.read(), WAIT_S)

    async def echo(self, data: bytes) -> bytes:
        await self.send(data)
        return await self.receive(len(data))

    def finish(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    server.close()


@pytest.fixture
async def proxy(echo_port: int) -> AsyncIterator[TcpProxy]:
    async with TcpProxy("127.0.0.1", echo_port) as proxy:
        yield proxy


async def connect(proxy: TcpProxy) -> Client:
    before = proxy.opened
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    await proxy.until(lambda p: p.opened > before)
    return client


async def test_bytes_pass_through_unchanged(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    data = bytes(range(256)) * 4000
    answer, _ = await asyncio.gather(client.receive(len(data)), client.send(data))
    assert answer == data
    assert proxy.forwarded == {"up": len(data), "down": len(data)}
    client.finish()
    assert await client.rest() == b""
    await proxy.until(lambda p: not p.links)
    client.close()


async def test_a_hard_cut_is_a_reset_for_every_link(proxy: TcpProxy) -> None:
    clients = [await connect(proxy), await connect(proxy)]
    for client in clients:
        assert await client.echo(b"hello") == b"hello"
    await proxy.cut()
    for client in clients:
        with pytest.raises(ConnectionResetError):
            await client.rest()
        client.close()
    assert proxy.links == []


async def test_one_connection_is_cut_and_the_other_continues(proxy: TcpProxy) -> None:
    first = await connect(proxy)
    await first.echo(b"1")
    second = await connect(proxy)
    await second.echo(b"2")
    await proxy.cut(proxy.links[0])
    with pytest.raises(ConnectionResetError):
        await first.rest()
    assert await second.echo(b"still here") == b"still here"
    first.close()
    second.close()


async def test_a_clean_cut_is_an_end_after_what_was_sent(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    await client.send(b"hello")
    await proxy.until(lambda p: p.forwarded["down"] == 5)

    async def read_to_the_end() -> bytes:
        data = await client.rest()
        client.close()
        return data

    data, _ = await asyncio.gather(read_to_the_end(), proxy.cut(hard=False))
    assert data == b"hello"


async def test_new_connections_are_refused_and_taken_again_at_the_same_port(proxy: TcpProxy) -> None:
    client, port = await connect(proxy), proxy.port
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await client.echo(b"old ones go on") == b"old ones go on"
    await proxy.accept()
    assert proxy.port == port
    again = Client(*await asyncio.open_connection("127.0.0.1", port))
    assert await again.echo(b"new") == b"new"
    client.close()
    again.close()


async def test_an_unreachable_server_is_a_reset(unused_port: int) -> None:
    async with TcpProxy("127.0.0.1", unused_port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def test_a_blackhole_keeps_sockets_open_and_loses_nothing(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    await client.echo(b"before")
    proxy.blackhole()
    before = dict(proxy.forwarded)
    await client.send(b"within")
    late = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    await late.send(b"late")
    await proxy.until(lambda p: p.opened == 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.receive(1), 0.05)
    assert proxy.forwarded == before
    assert len(proxy.links) == 2
    proxy.flow()
    assert await client.receive(6) == b"within"
    assert await late.receive(4) == b"late"
    client.close()
    late.close()


async def test_a_delay_moves_everything_and_keeps_the_order(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    proxy.delay(0.1, "down")
    proxy.delay(0.05, "up")
    clock = asyncio.get_running_loop().time
    began = clock()
    for piece in (b"a", b"b", b"c"):
        await client.send(piece)
    assert await client.receive(3) == b"abc"
    assert clock() - began >= 0.15
    client.close()


async def test_a_rate_is_kept_in_its_direction(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    proxy.limit_rate(50_000, "down")
    clock = asyncio.get_running_loop().time
    began = clock()
    await client.send(b"x" * 10_000)
    await proxy.until(lambda p: p.forwarded["up"] == 10_000)
    assert proxy.forwarded["down"] < 10_000
    await client.receive(10_000)
    assert clock() - began >= 0.15
    client.close()


async def test_a_link_is_cut_after_so_many_bytes_once(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    await client.echo(b"not counted")
    fired = proxy.cut_after(7, "down", hard=False)
    await client.send(b"0123456789")
    assert await client.rest() == b"0123456"
    client.close()
    await asyncio.wait_for(fired.wait(), WAIT_S)
    await proxy.until(lambda p: not p.links)
    again = await connect(proxy)
    assert await again.echo(b"0123456789") == b"0123456789"
    again.close()


async def test_a_cut_after_bytes_may_be_hard(proxy: TcpProxy) -> None:
    client = await connect(proxy)
    fired = proxy.cut_after(3, "up")
    await client.send(b"0123456789")
    await asyncio.wait_for(fired.wait(), WAIT_S)
    with pytest.raises(ConnectionResetError):
        await client.rest()
    assert proxy.forwarded["up"] == 3
    client.close()


async def test_a_link_cut_at_once_is_closed(proxy: TcpProxy) -> None:
    proxy.blackhole()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.until(lambda p: len(p.links) == 1)
    await proxy.cut()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), WAIT_S)
    writer.close()


async def test_leaving_closes_everything(echo_port: int) -> None:
    async with TcpProxy("127.0.0.1", echo_port) as proxy:
        client = await connect(proxy)
        await client.echo(b"x")
    with pytest.raises(ConnectionResetError):
        await client.rest()
    client.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)


async def test_as_a_process_it_obeys_lines(echo_port: int) -> None:
    command = [sys.executable, "-m", "tests.support.network.tcp_proxy", "--to", f"127.0.0.1:{echo_port}"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    output = process.stdout

    async def line() -> str:
        return (await asyncio.wait_for(output.readline(), WAIT_S)).decode().strip()

    async def order(text: str) -> str:
        assert process.stdin is not None
        process.stdin.write(f"{text}\n".encode())
        return await line()

    try:
        port = int((await line()).removeprefix("listening on 127.0.0.1:"))
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        assert await client.echo(b"hello") == b"hello"
        assert await order("links") == "1"
        for text in ("delay 0 up", "rate none", "blackhole", "flow", "refuse", "accept", "cut-after 99", "cut"):
            assert await order(text) == "ok", text
        with pytest.raises(ConnectionResetError):
            await client.rest()
        client.close()
        assert await order("delay soon") == "error: could not convert string to float: 'soon'"
        process.stdin.write(b"quit\n")
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
