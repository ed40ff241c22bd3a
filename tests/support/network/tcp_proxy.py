"""TCP proxy: between a client and a server, it cuts, refuses, falls silent, delays and slows down on demand.

In a test:

    async with TcpProxy("127.0.0.1", server_port) as proxy:
        ...connect to 127.0.0.1:proxy.port...
        await proxy.cut()                       every link, with RST; `cut(link)` one of them
        await proxy.cut(hard=False)             with FIN: what was sent before arrives
        await proxy.refuse(); await proxy.accept()
        proxy.blackhole(); proxy.flow()         nothing passes, nobody is told; then it goes on where it stopped
        proxy.blackhole("down"); proxy.blackhole(link=link)         one way; on one link
        proxy.delay(0.1, "down")                seconds; `up` is from client to server; without a direction: both
        proxy.limit_rate(10_000, "down")        bytes a second; None: as fast as it goes
        fired = proxy.cut_after(1_000, "down")  cut the link that carries the 1,000th byte from now
        await proxy.until(lambda p: p.forwarded["down"] > 500)

As a process, driven by lines on stdin: `python -m tests.support.network.tcp_proxy`; see `tcp_proxy_command`.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from agent.util.tasks import TaskOwner
from tests.support.network.tcp_link import BOTH, Conditions, Direction, Link, close


class TcpProxy:
    """Forwards 127.0.0.1:`port` to `host`:`to_port`. `port` 0: any free one; it stays the same over `refuse` and `accept`.

    `buffer_bytes`: size of the proxy's own socket buffers, so that a slow reader is felt by the sender early.
    """

    def __init__(self, host: str, to_port: int, *, port: int = 0, buffer_bytes: int | None = None) -> None:
        self.port = port
        self.links: list[Link] = []
        self.opened = 0
        self.conditions = Conditions(self._change)
        self._to = (host, to_port)
        self._buffer_bytes = buffer_bytes
        self._changed = asyncio.Event()
        self._running = TaskOwner("tcp_proxy")
        self._connecting = TaskOwner("tcp_proxy/connect")
        self._listener: socket.socket | None = None
        self._arriving: set[socket.socket] = set()

    @property
    def forwarded(self) -> dict[Direction, int]:
        """Bytes passed so far, on all links."""
        return self.conditions.forwarded

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        await self._connecting.aclose()
        for client in self._arriving:
            close(client, hard=True)  # its task was cancelled before its first step
        await self.cut()
        await self._running.aclose()

    async def accept(self) -> None:
        """Take connections (again)."""
        if self._listener is not None:
            return
        self._listener = listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._narrow(listener)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        listener.setblocking(False)
        # Not sock_accept: cancelled at the wrong moment it loses a connection that it has accepted.
        asyncio.get_running_loop().add_reader(listener, self._accept_one, listener)

    async def refuse(self) -> None:
        """Refuse new connections; those there are go on."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def blackhole(self, direction: Direction | None = None, link: Link | None = None) -> None:
        """Forward nothing either way or in this direction, not even an end; sockets stay open and new ones are accepted.

        `link`: on this one alone, either way.
        """
        if link is not None:
            link.flowing.clear()
            return
        for each in _each(direction):
            self.conditions.flowing[each].clear()

    def flow(self) -> None:
        """Forward everything again, from where it stopped."""
        for flowing in (*self.conditions.flowing.values(), *(link.flowing for link in self.links)):
            flowing.set()

    def delay(self, seconds: float, direction: Direction | None = None) -> None:
        """Let everything that comes from now on arrive so much later."""
        for each in _each(direction):
            self.conditions.delay_s[each] = seconds

    def limit_rate(self, bytes_per_s: float | None, direction: Direction | None = None) -> None:
        """Let each link pass so much; None: as fast as it goes."""
        for each in _each(direction):
            self.conditions.bytes_per_s[each] = bytes_per_s

    def cut_after(self, count: int, direction: Direction, *, hard: bool = True) -> asyncio.Event:
        """Cut the link that carries the `count`th byte from now in that direction, once; the event says when.

        With RST some of them may never reach the reader; with FIN exactly `count` do.
        """
        return self.conditions.cut_after(count, direction, hard).fired

    async def cut(self, link: Link | None = None, *, hard: bool = True) -> None:
        """Cut one link or all, with RST if `hard`, else with FIN; done when it returns."""
        ended = [link] if link is not None else list(self.links)
        for each in ended:
            each.end(hard)
        for each in ended:
            await each.closed.wait()

    async def until(self, holds: Callable[["TcpProxy"], bool], timeout_s: float = 10.0) -> None:
        """Wait until `holds` of this proxy; asked when links come and go and when bytes pass. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not holds(self):
                await self._changed.wait()

    def _forget(self, link: Link) -> None:
        self.links.remove(link)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _accept_one(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            client, _ = listener.accept()
            client.setblocking(False)
            self._arriving.add(client)
            self._connecting.start(self._connect(client), "connect")

    async def _connect(self, client: socket.socket) -> None:
        server = socket.socket()
        server.setblocking(False)
        self._narrow(server)
        try:
            await asyncio.get_running_loop().sock_connect(server, self._to)
        except BaseException as error:
            self._arriving.discard(client)
            close(client, hard=True)
            close(server, hard=True)
            if not isinstance(error, OSError):
                raise
            return
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arriving.discard(client)
        link = Link(self.conditions, client, server, self._forget)
        self.links.append(link)
        self.opened += 1
        self._running.start(link.run(), "link")
        self._change()

    def _narrow(self, side: socket.socket) -> None:
        if self._buffer_bytes is not None:
            side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
            side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer_bytes)


def _each(direction: Direction | None) -> tuple[Direction, ...]:
    return BOTH if direction is None else (direction,)


if __name__ == "__main__":
    from tests.support.network.tcp_proxy_command import main

    main()
