"""A socket's hand on its connection, beyond what ASGI gives: to say goodbye without waiting, to cut, to see what waits."""

import logging
from typing import Protocol

from starlette.types import Scope, Send

log = logging.getLogger("holdfast.socket")

EXTENSION = "holdfast.transport"
"""Where it is in the ASGI scope's extensions."""
WHY_NOT = "this server was not started by `holdfast serve`"


class SocketTransport(Protocol):
    """One connection. Only `write` waits: nothing that waits is good for a peer that does not read."""

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message (`text`: the bytes are UTF-8), once the peer has taken most of what was sent. Raises `OSError`."""

    def unsent(self) -> int:
        """Bytes that wait in the process for the peer to take them."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what waits; the connection is cut if the peer does not take and answer it in time."""

    def abort(self) -> None:
        """Drop the connection at once, with all that waits to be sent."""


class AsgiTransport:
    """A connection of which no more is known than ASGI gives: the server under the app was not made by `server.transport.server`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message."""
        await self._send({"type": "websocket.send", **({"text": data.decode()} if text else {"bytes": data})})

    def unsent(self) -> int:
        """Unknown, told as nothing."""
        return 0

    def close(self, code: int, reason: str) -> None:
        """Say that it cannot be done."""
        log.warning("a client cannot be told %d (%s) now: %s", code, reason, WHY_NOT)

    def abort(self) -> None:
        """Say that it cannot be done."""
        log.warning("a stalled client cannot be cut off: %s", WHY_NOT)


def transport_of(scope: Scope, send: Send) -> SocketTransport:
    """The hand on the connection of this websocket scope."""
    found: SocketTransport | None = scope.get("extensions", {}).get(EXTENSION)
    return found if found is not None else AsgiTransport(send)
