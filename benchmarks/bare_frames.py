"""Bare frames: an app that only receives websocket messages, over our websocket protocol or uvicorn's own.

Run as `python -m benchmarks.bare_frames ours|uvicorn`.
"""

import socket
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.transport.socket_protocol import SocketProtocol

LAST = "last"
"""The text of the message that is answered."""


class Unpaced(SocketProtocol):
    """Ours, with a share of frames that nobody uses up."""

    frames_per_s = 1e9


async def receive_all(scope: Any, receive: Any, send: Any) -> None:
    """Receive each message of a websocket, and answer the last."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == LAST:
            await send({"type": "websocket.send", "text": LAST})


def main() -> None:
    """Listen, say where, serve."""
    protocol = Unpaced if sys.argv[1] == "ours" else WebSocketsSansIOProtocol
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(receive_all, log_level="warning", ws=protocol, ws_per_message_deflate=False, loop="uvloop")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
