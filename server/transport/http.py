"""HTTP protocol: uvicorn's HTTP connection, with bounds on heads and on how many may be unauthenticated and for how long.

An answer that is given before the request's body has come ends the connection: what comes after the answer would be taken for the
body by one side and for the next request by the other (RFC 9112, sections 9.3 and 9.6).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import h11
import msgspec
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.transport.admission import EXTENSION, ConnectionLimiter, Slot
from server.transport.fair_starts import EXTENSION as STARTS_EXTENSION
from server.transport.fair_starts import FairStarts, Turns
from server.transport.lingering import LingeringClose
from server.util.hosts import Network, trusted
from server.util.rate_limit import network_of
from server.util.refusal import HTTPRefusal

FULL = msgspec.json.encode(
    {"code": "unavailable", "message": "too many connections without credentials are open; try again in a moment"}
)
FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 5\r\n"
    b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
) % (len(FULL), FULL)

ABORT = "holdfast.abort"
"""An ASGI extension: a function that cuts the connection, for an answer that its client does not read."""

HEADS_A_STEP = 8
"""Heads of requests that are parsed in one step of the event loop, all of large size in some 8 ms; more wait, those of different networks in turn."""

TOO_LARGE = "the request's head is too large; send a shorter address and fewer headers"


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 connection. It holds a slot of `limiter` until a request presents valid credentials.

    `head_timeout_s`: seconds that it may be open without, and that each head may take. `head_bytes`: the largest head.
    `proxies`: networks of trusted proxies. `starts`: when requests begin. `heads`: when heads are parsed. All are replaced by a subclass that is made from the
    settings.
    """

    limiter: ClassVar[ConnectionLimiter] = ConnectionLimiter(2_048, 1_024)
    proxies: ClassVar[Sequence[Network]] = ()
    head_timeout_s: ClassVar[float] = 10.0
    head_bytes: ClassVar[int] = 32_768
    starts: ClassVar[FairStarts] = FairStarts()
    heads: ClassVar[Turns] = Turns(HEADS_A_STEP)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slot: Slot | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._unparsed: bytes | None = None
        self._lingering: LingeringClose | None = None
        self._app = self.app
        self.app = self._run_app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a slot."""
        super().connection_made(transport)
        self._slot = self._acquire()
        self._slot.timer = self.loop.call_later(self.head_timeout_s, self._on_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot of a connection that has closed.

        One client may close a thousand at the same moment. uvicorn also tells h11, which takes as long as all the rest; only
        an answer under way needs that.
        """
        if self.cycle is None or self.cycle.response_complete:
            self.connections.discard(self)
            self._unset_keepalive_if_required()
            if self.cycle is not None:
                self.cycle.message_event.set()
            self._let_go()
        else:
            super().connection_lost(exc)
        self._stop_head_timer()
        if self._lingering is not None:
            self._lingering.stop()
        if self._slot is not None:
            self._slot.release()

    def _let_go(self) -> None:
        """End the references in a circle, so that the connection is freed at once: to collect those of a thousand takes 100 ms."""
        self.app = self._app
        self.cycle = None  # type: ignore[assignment]  # as it begins

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what a refused connection sends is ignored. A head that has begun must end in `head_timeout_s`.

        uvicorn has a timer for the time between two requests only: it stops at the first byte of the next one.
        A head waits for its turn, and the connection is not read meanwhile.
        """
        if self.transport.is_closing():
            return
        if self._lingering is not None:
            self._lingering.received(len(data))
        elif self._unparsed is not None:
            self._unparsed += data
        elif self.conn.their_state is not h11.IDLE or self.heads.take(self._network(), self._parse_head):
            self._parse(data)
        else:
            self._unparsed = data
            self.transport.pause_reading()

    def _network(self) -> str:
        return network_of(self.client[0]) if self.client else ""

    def _parse_head(self) -> bool:
        """Its turn came; False if the connection has closed meanwhile."""
        data, self._unparsed = self._unparsed or b"", None
        if self.transport.is_closing():
            return False
        self.transport.resume_reading()
        self._parse(data)
        return True

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_timeout_s, self._on_head_timeout)
        else:
            self._stop_head_timer()

    def on_response_complete(self) -> None:
        """As uvicorn's; between two requests the connection counts as unauthenticated again: nobody keeps many idle ones."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._let_go()
            return
        if self._lingering is not None:
            self._unset_keepalive_if_required()  # it has times of its own
        if self._slot is not None and not self._slot.held:
            self._slot = self._acquire()

    def _acquire(self) -> Slot:
        address = self.client[0] if self.client else ""
        return self.limiter.acquire(address, self._on_evicted, shared=trusted(address, self.proxies))

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """As uvicorn's; the websocket protocol takes the slot over."""
        if len(event.target) + sum(len(name) + len(value) for name, value in event.headers) > self.head_bytes:
            self.send_400_response(TOO_LARGE)
            return
        make, slot = self.ws_protocol_class, self._slot
        assert make is not None

        def with_slot(**arguments: Any) -> asyncio.Protocol:
            protocol = make(**arguments)
            protocol.slot = slot  # type: ignore[attr-defined]  # a `SocketProtocol`
            return protocol

        self.ws_protocol_class = with_slot  # type: ignore[assignment]  # it is only called
        super().handle_websocket_upgrade(event)
        self._let_go()

    async def _run_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(n) + len(v) for n, v in scope["headers"])
        if head > self.head_bytes:  # h11 bounds only a head that comes in several pieces
            await HTTPRefusal("too_large", TOO_LARGE, status=431).send(scope, send)
            return
        await self.starts.wait(scope)
        extensions = scope.setdefault("extensions", {})
        extensions[EXTENSION] = self._slot
        extensions[STARTS_EXTENSION] = self.starts
        extensions[ABORT] = self.transport.abort
        await self._app(scope, receive, self._closing_where_the_body_is_left(send))

    def _closing_where_the_body_is_left(self, send: Send) -> Send:
        """`send`, which ends the connection behind an answer that begins before the whole body has come."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self.conn.their_state is h11.SEND_BODY:
                headers = [pair for pair in message.get("headers", []) if pair[0] != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
                self.cycle.transport = _ClosesLater(self.transport, self._linger)  # type: ignore[assignment]  # all it uses
            await send(message)

        return sending

    def _linger(self) -> None:
        if self._lingering is None and not self.transport.is_closing():
            self._lingering = LingeringClose(self.transport)

    def _on_head_timeout(self) -> None:
        self._head_timer = None
        self.shutdown()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_evicted(self) -> None:
        """A newer connection has taken the slot: answer 503 if no answer has begun, and close."""
        if self._lingering is not None:
            self._lingering.close()
        elif self.transport.get_protocol() is self and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(FULL_ANSWER)
            self.transport.close()
        else:
            self.transport.abort()

    def _on_timeout(self) -> None:
        """The time without credentials is over: close an idle connection now, and one with an answer under way after it."""
        if self._slot is None or not self._slot.held or self.transport.is_closing():
            return
        if self.transport.get_protocol() is not self:
            self.transport.abort()
            return
        self.shutdown()
        self._slot.timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)


class _ClosesLater:
    """What uvicorn's answer uses of its transport. `close`: called in place of the transport's."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.close = close
