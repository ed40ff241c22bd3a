"""Links: a TCP proxy between the clients and the server that cuts, holds back and slows down connections."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Literal
from urllib.parse import urlsplit

from clients.session.tasks import Start, owned_tasks

Way = Literal["reset", "close", "silent", "half_open"]
"""How a connection ends: by RST; by FIN; nothing passes any more, and nobody is told; the same, toward the client alone."""

WAYS: tuple[Way, ...] = ("reset", "close", "silent", "half_open")
CHUNK_BYTES = 16_384
SLOW_STEP_S = 0.02


class Link:
    """One connection through the proxy."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.flows = asyncio.Event()
        self.flows.set()
        self.held = False
        self.open_ways = 2
        self.over = asyncio.Event()

    def end(self, way: Way) -> None:
        """End it."""
        if way in ("silent", "half_open"):
            self.held = True
            self.flows.clear()
            if way == "half_open":
                _close(self.far, hard=False)
            return
        for side in (self.near, self.far):
            _close(side, hard=way == "reset")


class Links:
    """A proxy on a port of this machine to the server's address. `rate`: bytes a second toward the clients, None: no bound."""

    def __init__(self, url: str) -> None:
        """`url`: of the server, http(s) or ws(s)."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self._tls = parts.scheme in ("https", "wss")
        self._host = parts.hostname or "127.0.0.1"
        self._to_port = parts.port or (443 if self._tls else 80)
        self.port = 0
        self.rate: float | None = None
        self._open: list[Link] = []
        self._cut_after: tuple[int, Way] | None = None
        self._pieces_left = 0
        self._caught: Callable[[], None] = lambda: None

    def catch(self, piece: int, caught: Callable[[], None]) -> None:
        """Hold back this piece of data toward a client, counted from now, and all after it; `caught` is called then."""
        self._pieces_left, self._caught = piece, caught

    def cut(self, way: Way) -> None:
        """End all connections there are."""
        for link in self._open:
            link.end(way)

    def cut_after(self, count: int, way: Way) -> None:
        """End the connection that carries the `count`th byte toward a client from now."""
        self._cut_after = (max(1, count), way)

    def free(self) -> None:
        """End what is held back, and take all bounds away."""
        self.rate = self._cut_after = None
        self._pieces_left = 0
        for link in self._open:
            if link.held:
                link.end("reset")
                link.flows.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Links"]:
        """Take connections until the block is left."""
        async with owned_tasks() as start:
            server = await asyncio.start_server(
                lambda reader, writer: self._take(start, reader, writer), "127.0.0.1", 0
            )
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                server.close()
                self.free()
                self.cut("reset")

    def _take(self, start: Start, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start(self._forward(start, reader, writer), "prove link")

    async def _forward(self, start: Start, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sides = [writer]
        hard = True
        try:
            far_reader, far = await asyncio.open_connection(
                self._host, self._to_port, ssl=self._tls or None, server_hostname=self._host if self._tls else None
            )
            sides.append(far)
            link = Link(writer, far)
            self._open.append(link)
            try:
                start(self._pump(link, reader, far, down=False), "prove link up")
                start(self._pump(link, far_reader, writer, down=True), "prove link down")
                await link.over.wait()
            finally:
                self._open.remove(link)
            hard = False
        except OSError:
            pass  # the server is down: the client's connection is cut below
        finally:
            for side in sides:
                _close(side, hard=hard)

    async def _pump(self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, down: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await link.flows.wait()
                if down:
                    await self._count(link)
                    data = await self._bounded(link, data, sink)
                sink.write(data)
                await sink.drain()
        await link.flows.wait()
        _close(sink, hard=False)
        link.open_ways -= 1
        if not link.open_ways:
            link.over.set()

    async def _count(self, link: Link) -> None:
        """A piece of data came from the server."""
        if not self._pieces_left:
            return
        self._pieces_left -= 1
        if not self._pieces_left:
            for other in self._open:
                other.end("silent")
            self._caught()
            await link.flows.wait()

    async def _bounded(self, link: Link, data: bytes, sink: asyncio.StreamWriter) -> bytes:
        """What is left of the data to be sent at once: slowly sent pieces and the byte of a cut are behind us."""
        while self.rate is not None and data:
            step = max(1, int(self.rate * SLOW_STEP_S))
            sink.write(data[:step])
            await sink.drain()
            data = data[step:]
            await asyncio.sleep(SLOW_STEP_S)
        if self._cut_after is None:
            return data
        count, way = self._cut_after
        if len(data) < count:
            self._cut_after = (count - len(data), way)
            return data
        self._cut_after = None
        sink.write(data[:count])
        await sink.drain()
        link.end(way)
        return b""


def _close(side: asyncio.StreamWriter, *, hard: bool) -> None:
    """Close one side; `hard`: by RST, and what was not sent yet is thrown away."""
    sock = side.get_extra_info("socket")
    if hard and sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        side.transport.abort()
    else:
        side.close()
