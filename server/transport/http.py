"""The body's frame: uvicorn's HTTP connection, which may be without credentials only for a while and among few."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import h11
import msgspec
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.http.proxy_headers import trusted
from server.transport.admission import EXTENSION, Lobby, Seat
from server.util.hosts import Network

FULL = msgspec.json.encode(
    {"code": "unavailable", "message": "too many connections without credentials are open; try again in a moment"}
)
FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 5\r\n"
    b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
) % (len(FULL), FULL)


class HttpProtocol(H11Protocol):
    """uvicorn's, with a place in the lobby until credentials were shown. Lobby and bounds come from the settings."""

    lobby: ClassVar[Lobby] = Lobby(2_048, 1_024)
    proxies: ClassVar[Sequence[Network]] = ()
    head_timeout_s: ClassVar[float] = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seat: Seat | None = None
        self._app = self.app
        self.app = self._introduce

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Let it in, or answer 503."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        self._seat = self.lobby.enter(address, shared=trusted(address, self.proxies))
        if self._seat is None:
            transport.write(FULL_ANSWER)
            transport.close()
            return
        self._seat.timer = self.loop.call_later(self.head_timeout_s, self._too_long)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        if self._seat is not None:
            self._seat.leave()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; a connection that was sent away is not heard any more."""
        if not self.transport.is_closing():
            super().data_received(data)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """The socket takes the place in the lobby along."""
        make, seat = self.ws_protocol_class, self._seat
        assert make is not None

        def with_seat(**given: Any) -> asyncio.Protocol:
            protocol = make(**given)
            protocol.seat = seat  # type: ignore[attr-defined]  # a `SocketProtocol`
            return protocol

        self.ws_protocol_class = with_seat  # type: ignore[assignment]  # it is only called
        super().handle_websocket_upgrade(event)

    async def _introduce(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[EXTENSION] = self._seat
        await self._app(scope, receive, send)

    def _too_long(self) -> None:
        """The time without credentials is over: an idle connection is closed, one with an answer under way is not kept."""
        if self._seat is None or not self._seat.taken or self.transport.is_closing():
            return
        if self.transport.get_protocol() is not self:
            self.transport.abort()
            return
        self.shutdown()
        self._seat.timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)
