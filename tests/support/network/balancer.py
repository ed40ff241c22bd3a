"""Balancer: connects each client to the next of several servers that takes the connection, as a load balancer does."""

import asyncio
import itertools
from contextlib import closing
from types import TracebackType
from typing import Self

from agent.util.tasks import TaskOwner

READ_BYTES = 65_536


class Balancer:
    """Listens on 127.0.0.1:`port`, any free one, for servers on these ports. `refused`: clients for whom there was no server."""

    def __init__(self, ports: list[int]) -> None:
        self.port = 0
        self.refused = 0
        self._ports = ports
        self._next = itertools.count()
        self._tasks = TaskOwner("balancer")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            lambda reader, writer: self._tasks.start(self._pass(reader, writer), "link"), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._tasks.aclose()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            first = next(self._next)
            for at in range(len(self._ports)):
                port = self._ports[(first + at) % len(self._ports)]
                try:
                    from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    continue
                with closing(to_server):
                    up = self._tasks.start(_copy(reader, to_server), "up")
                    down = self._tasks.start(_copy(from_server, writer), "down")
                    await asyncio.wait([up, down])
                return
            self.refused += 1


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends."""
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except ConnectionError:
        writer.close()
