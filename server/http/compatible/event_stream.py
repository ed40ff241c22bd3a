"""Event stream: an answer of server-sent events, with a bound on how slowly it is read. It ends in one place."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from agent.util.tasks import TaskOwner
from protocol.codes import CloseReason
from server.auth.principal import Principal
from server.transport.http import ABORT
from server.websocket.registry import SocketRegistry

HEARTBEAT: Final = b":\n\n"
"""A comment, which clients ignore (HTML, section 9.2.6)."""

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx is to pass each event on
]


def data(message: object) -> bytes:
    """One server-sent event with this message as JSON."""
    return b"data: %s\n\n" % msgspec.json.encode(message)


class EventStream:
    """An ASGI answer. It counts as a socket of its user while it runs, and ends with the credentials that began it."""

    def __init__(
        self,
        parts: AsyncGenerator[bytes, None],
        keep: AsyncExitStack,
        *,
        principal: Principal,
        sockets: SocketRegistry,
        send_timeout_s: float,
        headers: dict[str, str],
        on_left: Callable[[], None] | None = None,
    ) -> None:
        """`parts`: whole server-sent events. `keep`: what is held until the end. `send_timeout_s`: how long the client may take
        nothing. `on_left`: called where the client goes before the end."""
        self._parts = parts
        self._keep = keep
        self._principal = principal
        self._sockets = sockets
        self._send_timeout_s = send_timeout_s
        self._headers = [*HEADERS, *((name.encode(), value.encode()) for name, value in headers.items())]
        self._on_left = on_left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts until they end, the client goes, or its credentials do."""
        revoked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def revoke(_reason: CloseReason) -> None:
            if not revoked.done():
                revoked.set_result(None)

        tasks = TaskOwner("event stream")
        try:
            with self._sockets.track(self._principal, revoke):
                writing = tasks.start(self._write(scope, send), "write")
                leaving = tasks.start(_left(receive), "left")
                waited: list[asyncio.Future[Any]] = [writing, leaving, revoked]
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    await writing
                elif leaving.done() and self._on_left is not None:
                    self._on_left()
                if not leaving.done() and not (writing.done() and writing.result()):
                    scope["extensions"][ABORT]()
                    await leaving  # the connection has ended then
        finally:
            await tasks.aclose()
            await self._parts.aclose()
            await self._keep.aclose()

    async def _write(self, scope: Scope, send: Send) -> bool:
        """Whether all was sent; False: the client took nothing for too long."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            async for part in self._parts:
                async with asyncio.timeout(self._send_timeout_s):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return False
        return True


async def _left(receive: Receive) -> None:
    """Wait until the client has left, or all is sent."""
    while (await receive())["type"] != "http.disconnect":
        pass
