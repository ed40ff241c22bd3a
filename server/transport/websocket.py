"""Websocket transport: what a server can do with a websocket beyond ASGI. Close without waiting, cut, see what waits."""

import logging
from typing import Protocol

from starlette.types import Scope, Send

log = logging.getLogger("holdfast.socket")

EXTENSION = "holdfast.transport"
"""Key of the transport in the ASGI scope's extensions."""
WHY_NOT = "this server was not started by `holdfast serve`"


STOP_REASON = "the server is restarting; reconnect with your position"
"""The text of a close frame with 1001 at a stop."""

CLOSE_GRACE_S = 2.0
"""How long a peer may take to answer a close frame; then the connection is cut. Enough for a slow mobile network."""

SEND_BUFFER_BYTES = 65_536
"""What may wait in the process for one slow reader, and as much again in the kernel. One batch of frames fits in."""

PING_TIMEOUT_S = 20.0
"""How long a client's pong may take; then the socket is closed with 1011. As long as `websockets` and uvicorn wait."""


class SocketTransport(Protocol):
    """One websocket's connection. Only `write` waits; the others can be used for a peer that does not read.

    `sent_bytes`: bytes of messages that were handed over so far, also those that still wait in the process.
    """

    sent_bytes: int

    @property
    def close_received(self) -> tuple[int, str] | None:
        """Code and reason of the peer's close frame, if it closed first."""

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message (`text`: the bytes are UTF-8), once the peer has taken most of what was sent. Raises `OSError`.

        A large one is sent in fragments, each once the peer has taken most of the one before.
        """

    def write_now(self, data: bytes, *, text: bool) -> bool:
        """Send one message as `write` does, if that need not wait. False, and nothing is sent, if it must or cannot."""

    def unsent(self) -> int:
        """Bytes that wait in the process for the peer to take them."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what waits; the connection is cut if the peer does not take and answer it in time."""

    def abort(self) -> None:
        """Drop the connection at once, with all that waits to be sent."""


class AsgiTransport:
    """A transport over plain ASGI, for an app that another server runs. It cannot close without waiting, or cut."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent_bytes = 0

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message. Waits as long as the server under the app does."""
        await self._send({"type": "websocket.send", **({"text": data.decode()} if text else {"bytes": data})})
        self.sent_bytes += len(data)

    def write_now(self, data: bytes, *, text: bool) -> bool:
        """False: ASGI may always wait."""
        return False

    @property
    def close_received(self) -> tuple[int, str] | None:
        """None: ASGI tells the app itself."""
        return None

    def unsent(self) -> int:
        """0: ASGI does not tell."""
        return 0

    def close(self, code: int, reason: str) -> None:
        """Log that it cannot be done."""
        log.warning("a websocket cannot be closed with %d (%s) now: %s", code, reason, WHY_NOT)

    def abort(self) -> None:
        """Log that it cannot be done."""
        log.warning("a websocket whose client does not read cannot be cut: %s", WHY_NOT)


def transport_of(scope: Scope, send: Send) -> SocketTransport:
    """The transport of this websocket scope: the server's own, or one over plain ASGI."""
    transport: SocketTransport | None = scope.get("extensions", {}).get(EXTENSION)
    return transport if transport is not None else AsgiTransport(send)
