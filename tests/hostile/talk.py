"""Talk: the frames of an attacker's socket, one after another, as plain JSON."""

import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from protocol.codec import encode
from protocol.submissions import Submission
from tests.hostile.target import Target, Way


class Talk:
    """A JSON socket of an attacker. What a frame has is for the attack to judge; it is not decoded as clients do."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._lines: deque[str] = deque()

    async def send(self, *submissions: Submission) -> None:
        """Send these, each as a message."""
        for submission in submissions:
            await self._socket.send(encode(submission).decode())

    async def until(self, *wanted: str) -> dict[str, Any]:
        """The next frame of one of these types."""
        while True:
            if not self._lines:
                self._lines.extend(str(await self._socket.recv()).split("\n"))
            frame: dict[str, Any] = json.loads(self._lines.popleft())
            if frame["type"] in wanted:
                return frame


async def rounds(target: Target, way: Way, play: Callable[[Talk], Awaitable[None]], *, new: bool = False) -> None:
    """Play a round on a socket again and again, and on another one after the server ended it. `new`: each round on a session
    of its own."""
    while True:
        with contextlib.suppress(WebSocketException, OSError):
            if new:
                url = f"ws://127.0.0.1:{target.port}/ws"
                async with connect(url, additional_headers=target.headers(way), compression=None) as socket:
                    await play(Talk(socket))
                continue
            async with target.socket(way) as socket:
                talk = Talk(socket)
                while True:
                    await play(talk)
