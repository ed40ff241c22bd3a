"""Acceptor: connections of different networks start in turn, few at a time, and what waits is bounded."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest

from server.transport.acceptor import STARTS_AT_ONCE, Acceptor, WaitingConnections


def connections(count: int) -> list[socket.socket]:
    return [socket.socket() for _ in range(count)]


def test_networks_take_turns_and_each_keeps_its_order() -> None:
    waiting = WaitingConnections(10, 10)
    many, few = connections(3), connections(1)
    for sock in many:
        waiting.put("many", sock)
    waiting.put("few", few[0])
    assert [waiting.next() for _ in range(len(waiting))] == [many[0], few[0], many[1], many[2]]
    for sock in many + few:
        sock.close()


def test_a_network_at_its_limit_gets_no_more() -> None:
    waiting = WaitingConnections(10, 2)
    first, second, third = connections(3)
    for sock in (first, second, third):
        waiting.put("a", sock)
    assert third.fileno() == -1
    assert [waiting.next(), waiting.next()] == [first, second]
    for sock in (first, second):
        sock.close()


def test_at_the_limit_of_all_the_largest_network_loses_its_newest() -> None:
    waiting = WaitingConnections(3, 2)
    proxied, single = connections(3), connections(1)
    for sock in proxied:
        waiting.put("proxy", sock, shared=True)
    waiting.put("other", single[0])
    assert proxied[-1].fileno() == -1
    assert len(waiting) == 3
    while waiting:
        waiting.next().close()


class Greeting(asyncio.Protocol):
    """Greets each client. `made`: one for each connection."""

    made: list["Greeting"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(self)
        self.transport = transport
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


@pytest.fixture
async def listener() -> AsyncIterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as sock:
        Greeting.made = []
        yield sock
        for one in Greeting.made:
            one.transport.close()
        await asyncio.sleep(0)  # a transport closes its socket in the next step


async def test_all_that_connect_are_greeted(listener: socket.socket) -> None:
    acceptor = Acceptor(Greeting, WaitingConnections(100, 100))
    acceptor.start([listener])
    opened = [await asyncio.open_connection(*listener.getsockname()) for _ in range(3 * STARTS_AT_ONCE)]
    for reader, writer in opened:
        assert await reader.readexactly(5) == b"hello"
        writer.close()
    acceptor.close()
    await acceptor.wait_closed()


async def test_another_network_does_not_wait_for_all_that_one_has_opened(listener: socket.socket) -> None:
    many = [socket.create_connection(listener.getsockname()) for _ in range(50)]
    other = socket.create_connection(listener.getsockname(), source_address=("127.0.0.2", 0))
    acceptor = Acceptor(Greeting, WaitingConnections(100, 100))
    acceptor.start([listener])
    other.setblocking(False)
    assert await asyncio.get_running_loop().sock_recv(other, 5) == b"hello"
    assert len(Greeting.made) < 50
    acceptor.close()
    await acceptor.wait_closed()
    for sock in (*many, other):
        sock.close()


async def test_after_close_what_waits_is_closed_and_nothing_is_accepted(listener: socket.socket) -> None:
    waiting = WaitingConnections(100, 100)
    acceptor = Acceptor(Greeting, waiting)
    acceptor.start([listener])
    clients = [socket.create_connection(listener.getsockname()) for _ in range(50)]
    for _ in range(100):
        await asyncio.sleep(0)
        if waiting:
            break
    assert waiting
    acceptor.close()
    await acceptor.wait_closed()
    assert not waiting
    started = len(Greeting.made)
    late = socket.create_connection(listener.getsockname())
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(Greeting.made) == started
    for sock in (*clients, late):
        sock.close()


class Crowded(socket.socket):
    """A listener for whose first connection the system has no room."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        self.accepts += 1
        if self.accepts == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_without_room_for_a_connection_it_says_so_and_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    Greeting.made = []
    with Crowded() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(Greeting, WaitingConnections(100, 100), retry_s=0.0)
        acceptor.start([listener])
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await reader.readexactly(5) == b"hello"
        assert "Too many open files" in caplog.text
        writer.close()
        acceptor.close()
        await acceptor.wait_closed()
