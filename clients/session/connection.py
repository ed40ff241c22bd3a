"""Outside, one socket's life: reads it into the core, writes what the core has to send, and cuts it when it falls silent."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from clients.session.core import SessionCore
from clients.session.dial import close_of
from clients.session.outcomes import Fault, Outcome
from clients.session.tasks import owned_tasks


class LinkEnd(msgspec.Struct, frozen=True):
    """How a socket ended. `code`: the close code of the side that closed first; None: it was cut, by us if `why` says so."""

    code: int | None
    why: str


class Link:
    """An open socket and the core it serves. Every outcome is given to `tell`; while that waits, the socket is not read."""

    def __init__(
        self, core: SessionCore, socket: ClientConnection, *, text: bool, tell: Callable[[Outcome], Awaitable[None]]
    ) -> None:
        self._core = core
        self._socket = socket
        self._text = text
        self._tell = tell
        self._now = asyncio.get_running_loop().time
        self._to_send = asyncio.Event()
        self._reading = False
        self._cut_because = ""

    def wake(self) -> None:
        """There may be something to send."""
        self._to_send.set()

    async def run(self) -> LinkEnd:
        """Until the socket ends."""
        self._core.opened(self._now())
        try:
            async with owned_tasks() as start:
                start(self._write(), "holdfast client write")
                start(self._watch(), "holdfast client watch")
                end = await self._read()
        finally:
            await self._socket.close()
        return LinkEnd(None, self._cut_because) if self._cut_because else end

    async def goodbye(self) -> None:
        """Send what is due, then close the socket as one that stays away."""
        with contextlib.suppress(ConnectionClosed):
            await self._send_due()
        await self._socket.close()

    async def _read(self) -> LinkEnd:
        while True:
            self._core.listening(self._now())
            self._reading = True
            try:
                data = await self._socket.recv(decode=False)
            except ConnectionClosed as closed:
                return LinkEnd(*close_of(closed))
            finally:
                self._reading = False
            for outcome in self._core.receive_each(data, self._now()):
                if isinstance(outcome, Fault):
                    self._cut_because = outcome.message
                await self._tell(outcome)
            if self._cut_because:
                await self._socket.close(1002, "protocol fault")
            elif self._core.next_send() < math.inf:
                self.wake()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._to_send.clear()
                await self._send_due()
                due = self._core.next_send()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(None if due == math.inf else due):
                        await self._to_send.wait()

    async def _send_due(self) -> None:
        for data in self._core.data_to_send(self._now()):
            await self._socket.send(data, text=self._text)

    async def _watch(self) -> None:
        """While the consumer holds back the reading, the silence is ours and cuts nothing."""
        while True:
            left = self._core.deadline - self._now()
            if left <= 0 and self._reading:
                self._cut_because = "nothing was heard for too long"
                self._socket.transport.abort()
                return
            await asyncio.sleep(max(left, self._core.limits.heartbeat_s / 4))
