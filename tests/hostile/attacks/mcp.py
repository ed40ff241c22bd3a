"""Attacks of MCP servers: a user's session calls the tool of a hostile server, again and again."""

import asyncio
import contextlib

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from protocol.codec import encode
from protocol.submissions import UserInput
from tests.hostile.target import Target


async def calls(target: Target) -> None:
    """Call the tool with each of the kinds in the options, one after another; then again."""
    with contextlib.suppress(ConnectionClosed):
        async with target.socket("user") as socket:
            while True:
                for kind in target.options["kinds"]:
                    await _turn(socket, f'call=attack:{{"kind":"{kind}"}} tokens=1')


async def _turn(socket: ClientConnection, text: str) -> None:
    await socket.send(encode(UserInput(text=text)).decode())
    async for frame in socket:
        words = frame if isinstance(frame, str) else frame.decode()
        if '"type":"turn_complete"' in words or '"type":"refused"' in words:
            return
        await asyncio.sleep(0)
