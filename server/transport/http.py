"""HTTP protocol: uvicorn's HTTP connection, with a limit on how many may be unauthenticated and for how long."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import h11
import msgspec
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.transport.admission import EXTENSION, ConnectionLimiter, Slot
from server.util.hosts import Network, trusted

FULL = msgspec.json.encode(
    {"code": "unavailable", "message": "too many connections without credentials are open; try again in a moment"}
)
FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 5\r\n"
    b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
) % (len(FULL), FULL)


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 connection. It holds a slot of `limiter` until a request presents valid credentials.

    `head_timeout_s`: seconds that it may be open without. `proxies`: networks of trusted proxies. All three are replaced
    by a subclass that is made from the settings.
    """

    limiter: ClassVar[ConnectionLimiter] = ConnectionLimiter(2_048, 1_024)
    proxies: ClassVar[Sequence[Network]] = ()
    head_timeout_s: ClassVar[float] = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slot: Slot | None = None
        self._app = self.app
        self.app = self._run_app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a slot; without a free one answer 503 and close."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        self._slot = self.limiter.acquire(address, shared=trusted(address, self.proxies))
        if self._slot is None:
            transport.write(FULL_ANSWER)
            transport.close()
            return
        self._slot.timer = self.loop.call_later(self.head_timeout_s, self._on_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot of a connection that has closed."""
        super().connection_lost(exc)
        if self._slot is not None:
            self._slot.release()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what a refused connection sends is ignored."""
        if not self.transport.is_closing():
            super().data_received(data)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """As uvicorn's; the websocket protocol takes the slot over."""
        make, slot = self.ws_protocol_class, self._slot
        assert make is not None

        def with_slot(**arguments: Any) -> asyncio.Protocol:
            protocol = make(**arguments)
            protocol.slot = slot  # type: ignore[attr-defined]  # a `SocketProtocol`
            return protocol

        self.ws_protocol_class = with_slot  # type: ignore[assignment]  # it is only called
        super().handle_websocket_upgrade(event)

    async def _run_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[EXTENSION] = self._slot
        await self._app(scope, receive, send)

    def _on_timeout(self) -> None:
        """The time without credentials is over: close an idle connection now, and one with an answer under way after it."""
        if self._slot is None or not self._slot.held or self.transport.is_closing():
            return
        if self.transport.get_protocol() is not self:
            self.transport.abort()
            return
        self.shutdown()
        self._slot.timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)
