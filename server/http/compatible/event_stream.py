"""Event stream: an answer of server-sent events, or one that takes as long. Both end in one place."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.util.tasks import TaskOwner
from protocol.codes import CloseReason
from server.auth.principal import Principal
from server.transport.http import ABORT
from server.websocket.registry import SocketRegistry

HEARTBEAT: Final = b":\n\n"
"""A comment, which clients ignore (HTML, section 9.2.6)."""

SEND_BYTES: Final = 65_536
"""Of one send, so that a client that takes a large event slowly is not taken for one that takes nothing."""

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx is to pass each event on
]


def data(message: object) -> bytes:
    """One server-sent event with this message as JSON."""
    return b"data: %s\n\n" % msgspec.json.encode(message)


def event_data(name: str, message: object) -> bytes:
    """The same with a name."""
    return b"event: %s\n%s" % (name.encode(), data(message))


class _Answer:
    """An answer that takes long. It counts as a socket of its user while it runs, and ends with the credentials that began it."""

    def __init__(
        self,
        keep: AsyncExitStack,
        *,
        principal: Principal,
        sockets: SocketRegistry,
        headers: dict[str, str],
        on_left: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`keep`: what is held until the end. `on_left`: awaited where the client goes before the end."""
        self._keep = keep
        self._principal = principal
        self._sockets = sockets
        self._headers = headers
        self._on_left = on_left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, until all is sent, the client goes, or its credentials do."""
        revoked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def revoke(_reason: CloseReason) -> None:
            if not revoked.done():
                revoked.set_result(None)

        tasks = TaskOwner("answer")
        try:
            with self._sockets.track(self._principal, revoke):
                writing = tasks.start(self._write(scope, receive, send), "write")
                leaving = tasks.start(_left(receive), "left")
                waited: list[asyncio.Future[Any]] = [writing, leaving, revoked]
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                complete = writing.done() and writing.result()
                if not complete and not leaving.done():
                    scope["extensions"][ABORT]()
                    await leaving  # the connection has ended then
                await tasks.aclose()
                if not complete and self._on_left is not None:
                    await self._on_left()
        finally:
            await tasks.aclose()
            await self._aclose()
            await self._keep.aclose()

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether all was sent; False: the client took nothing for too long."""
        raise NotImplementedError

    async def _aclose(self) -> None:
        """End what makes the answer."""


class EventStream(_Answer):
    """An answer of server-sent events."""

    def __init__(
        self, parts: AsyncGenerator[bytes, None], keep: AsyncExitStack, *, send_timeout_s: float, **more: Any
    ) -> None:
        """`parts`: whole events. `send_timeout_s`: how long the client may take nothing."""
        super().__init__(keep, **more)
        self._parts = parts
        self._send_timeout_s = send_timeout_s

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> bool:
        headers = [*HEADERS, *((name.encode(), value.encode()) for name, value in self._headers.items())]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for part in self._parts:
                for start in range(0, len(part), SEND_BYTES):
                    async with asyncio.timeout(self._send_timeout_s):
                        piece = part[start : start + SEND_BYTES]
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return False
        return True

    async def _aclose(self) -> None:
        await self._parts.aclose()


class Whole(_Answer):
    """An answer that is sent when all of it is there."""

    def __init__(self, work: Callable[[], Awaitable[Response]], keep: AsyncExitStack, **more: Any) -> None:
        """`work`: makes the answer."""
        super().__init__(keep, **more)
        self._work = work

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> bool:
        answer = await self._work()
        answer.headers.update(self._headers)
        await answer(scope, receive, send)
        return True


async def _left(receive: Receive) -> None:
    """Wait until the client has left, or all is sent."""
    while (await receive())["type"] != "http.disconnect":
        pass
