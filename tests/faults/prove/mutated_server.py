"""Mutated server: a relay in front of a real server that changes frames as a faulty server would send them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from agent.util.tasks import TaskOwner
from protocol import SUBPROTOCOL_JSON

Frame = dict[str, Any]


class Link:
    """One connection. `resumed`: it asked for a position above 0; `live`: `synced` has passed; `events`: how many have."""

    def __init__(self, after: int) -> None:
        self.resumed = after > 0
        self.live = False
        self.events = 0
        self.kept: list[Frame] = []


class Fault:
    """What is changed. `shared`: over all connections."""

    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}

    def query(self, query: dict[str, str]) -> dict[str, str]:
        """The query of a connection, as the server gets it."""
        return query

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        """What a client gets instead of this frame."""
        return [frame]

    def up(self, frame: Frame, link: Link) -> tuple[list[Frame], list[Frame]]:
        """What the server gets instead of this submission, and what the client gets at once."""
        return [frame], []


@contextlib.asynccontextmanager
async def mutated(ws: str, fault: Fault) -> AsyncIterator[str]:
    """The address of a relay to the server whose `/ws` is at `ws`."""

    async def relay(near: ServerConnection) -> None:
        assert near.request is not None
        parts = urlsplit(near.request.path)
        query = dict(parse_qsl(parts.query))
        link = Link(int(query.get("after", 0)))
        address = f"{ws}{parts.path.removeprefix('/ws')}?{urlencode(fault.query(query))}"
        offered = [Subprotocol(SUBPROTOCOL_JSON)]
        async with connect(address, subprotocols=offered, compression=None, max_size=None, proxy=None) as far:
            tasks = TaskOwner("mutated server")
            sending = tasks.start(_up(near, far, fault, link), "up")
            await _down(near, far, fault, link)
            sending.cancel()
            await tasks.aclose()

    async with serve(
        relay, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL_JSON)], compression=None, max_size=None
    ) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _down(near: ServerConnection, far: ClientConnection, fault: Fault, link: Link) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in far:
            assert isinstance(message, str)
            changed: list[Frame] = []
            for line in message.split("\n"):
                frame = msgspec.json.decode(line)
                changed += fault.down(frame, link)
                link.live = link.live or frame["type"] == "synced"
                link.events += "at" in frame
            if changed:
                await near.send("\n".join(_line(frame) for frame in changed))
    await near.close(1001)


async def _up(near: ServerConnection, far: ClientConnection, fault: Fault, link: Link) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in near:
            assert isinstance(message, str)
            forward, answers = fault.up(msgspec.json.decode(message), link)
            for frame in forward:
                await far.send(_line(frame))
            for frame in answers:
                await near.send(_line(frame))
    await far.close()


def _line(frame: Frame) -> str:
    return frame["raw"] if "raw" in frame else msgspec.json.encode(frame).decode()
