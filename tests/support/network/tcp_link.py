"""TCP link: one connection through the TCP proxy, and the conditions under which it is forwarded."""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal

from agent.util.tasks import TaskOwner

Direction = Literal["up", "down"]
BOTH: tuple[Direction, Direction] = ("up", "down")

CHUNK_BYTES = 65_536
CHUNKS_WAITING_MAX = 64
GOODBYE_S = 1.0
RATE_STEP_S = 0.02

Waiting = asyncio.Queue[tuple[float, bytes]]
Way = tuple[Direction, socket.socket, socket.socket]
Pump = Callable[[Direction, socket.socket, Waiting], Coroutine[Any, Any, None]]


class Cut:
    """An order to cut the link that carries one direction's byte number `at`. `fired` is set when it is done."""

    def __init__(self, at: int, hard: bool) -> None:
        self.at = at
        self.hard = hard
        self.fired = asyncio.Event()


class Conditions:
    """What every link is forwarded under; may change at any time. `changed` is called when bytes have passed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.flowing = {each: asyncio.Event() for each in BOTH}
        for flowing in self.flowing.values():
            flowing.set()
        self.delay_s: dict[Direction, float] = {"up": 0.0, "down": 0.0}
        self.bytes_per_s: dict[Direction, float | None] = {"up": None, "down": None}
        self.forwarded: dict[Direction, int] = {"up": 0, "down": 0}
        self._claimed: dict[Direction, int] = {"up": 0, "down": 0}
        self._cuts: dict[Direction, Cut | None] = {"up": None, "down": None}
        self._changed = changed

    def cut_after(self, count: int, direction: Direction, hard: bool) -> Cut:
        """Order a cut at the `count`th byte from now; it takes the place of an order not carried out yet."""
        order = Cut(self._claimed[direction] + count, hard)
        self._cuts[direction] = order
        return order

    def claim(self, direction: Direction, count: int) -> tuple[int, Cut | None]:
        """How many of `count` bytes may pass, and the order to be carried out after them."""
        order = self._cuts[direction]
        if order is None or self._claimed[direction] + count < order.at:
            self._claimed[direction] += count
            return count, None
        allowed = order.at - self._claimed[direction]
        self._claimed[direction] = order.at
        self._cuts[direction] = None
        return allowed, order

    def count(self, direction: Direction, count: int) -> None:
        """Say that so many bytes have passed."""
        self.forwarded[direction] += count
        self._changed()


class Link:
    """One connection through the proxy. `closed` is set at its end. `port`: its own, where the server sees it come from. `flowing`:
    cleared, nothing passes on this one.
    """

    def __init__(
        self, conditions: Conditions, client: socket.socket, server: socket.socket, forget: Callable[["Link"], None]
    ) -> None:
        self.closed = asyncio.Event()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.port: int = server.getsockname()[1]
        self._conditions = conditions
        self._client = client
        self._server = server
        self._forget = forget
        self._hard = False
        self._ending = asyncio.Event()
        self._open_ways = len(BOTH)

    def end(self, hard: bool) -> None:
        """Have both sides closed, by RST if `hard`, else by FIN; `closed` says when it is done."""
        self._hard = hard
        self._ending.set()

    async def run(self) -> None:
        """Forward until both sides have ended, one fails, or `end` is called."""
        pumps = TaskOwner("tcp_proxy/link")
        try:
            for direction, source, sink in ways(self._client, self._server):
                waiting: Waiting = asyncio.Queue(CHUNKS_WAITING_MAX)
                pumps.start(self._pump(self._read, direction, source, waiting), f"read {direction}")
                pumps.start(self._pump(self._write, direction, sink, waiting), f"write {direction}")
            await self._ending.wait()
            await pumps.aclose()
            if not self._hard:
                await self._close_gracefully()
        finally:
            pumps.cancel()
            self._close()

    async def _pump(self, work: Pump, direction: Direction, side: socket.socket, waiting: Waiting) -> None:
        try:
            await work(direction, side, waiting)
        except OSError:
            self.end(hard=True)

    async def _flows(self, direction: Direction) -> None:
        while not (self.flowing.is_set() and self._conditions.flowing[direction].is_set()):
            await self.flowing.wait()
            await self._conditions.flowing[direction].wait()

    async def _read(self, direction: Direction, source: socket.socket, waiting: Waiting) -> None:
        loop = asyncio.get_running_loop()
        data = b"?"
        while data:
            await self._flows(direction)
            data = await loop.sock_recv(source, CHUNK_BYTES)
            await waiting.put((loop.time() + self._conditions.delay_s[direction], data))
            if self._conditions.bytes_per_s[direction] is not None:
                await waiting.join()  # the sender is to feel it, not a store in between

    async def _write(self, direction: Direction, sink: socket.socket, waiting: Waiting) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                await self._flows(direction)
                sink.shutdown(socket.SHUT_WR)
                self._open_ways -= 1
                if not self._open_ways:
                    self.end(hard=False)
                return
            while data:
                await self._flows(direction)
                rate = self._conditions.bytes_per_s[direction]
                step = len(data) if rate is None else max(1, int(rate * RATE_STEP_S))
                piece, data = data[:step], data[step:]
                allowed, cut = self._conditions.claim(direction, len(piece))
                await loop.sock_sendall(sink, piece[:allowed])
                self._conditions.count(direction, allowed)
                if cut is not None:
                    self.end(cut.hard)
                    cut.fired.set()
                    return
                if rate is not None:
                    await asyncio.sleep(len(piece) / rate)
            waiting.task_done()

    async def _close_gracefully(self) -> None:
        """FIN both ways, and read what still comes: closing with something unread would be an RST."""
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_WR)
        await asyncio.gather(*(_read_out(side) for side in (self._client, self._server)))

    def _close(self) -> None:
        for side in (self._client, self._server):
            close(side, self._hard)
        self.closed.set()
        self._forget(self)


def close(side: socket.socket, hard: bool) -> None:
    """Close a socket; `hard`: by RST, and what was not sent yet is thrown away."""
    if hard:
        with suppress(OSError):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.close()


def ways(client: socket.socket, server: socket.socket) -> tuple[Way, Way]:
    """Each direction with where it comes from and where it goes."""
    return ("up", client, server), ("down", server, client)


async def _read_out(side: socket.socket) -> None:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            while await asyncio.get_running_loop().sock_recv(side, CHUNK_BYTES):
                pass
