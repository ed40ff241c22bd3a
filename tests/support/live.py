"""Listening server: uvicorn as in production on a free loopback port, in the test's own event loop, and a plain client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from agent.util.tasks import TaskOwner
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, codec
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.submissions import Submission
from protocol.view import View, apply, from_snapshot
from server.app import build_app
from server.config.settings import Settings
from server.sessions.manager import SessionManager
from server.transport.listeners import open_sockets
from server.transport.server import Server
from tests.support import application
from tests.support.postgres import elsewhere

DONE = (ev.TurnComplete, ev.Interrupted, ev.ErrorEvent)
PATIENCE_S = 45.0


@dataclass
class Address:
    """Where a server is reached."""

    port: int

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


@dataclass
class Live(Address):
    """A listening server."""

    server: Server
    manager: SessionManager


@contextlib.asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Live]:
    """The whole server on a free port, from its start to its graceful stop. Another may run its sessions: see `application.run_elsewhere`."""
    if not application.run_elsewhere:
        async with _listening(settings) as live:
            yield live
        return
    folder = settings.journal.data
    async with (
        _listening(elsewhere.of_several(settings, "runs", folder)) as runs,
        _listening(elsewhere.of_several(settings, "sockets", folder)) as live,
    ):
        for one in (runs, live):
            nodes = one.manager.registry.services.nodes
            nodes.living = 2  # type: ignore[union-attr]  # as the next beat would find
        elsewhere.makes_them_elsewhere(live.manager, runs.manager)
        yield live


@contextlib.asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[Live]:
    app = build_app(settings, environ={})
    up = asyncio.Event()
    server = Server(app, settings, up.set)
    sockets = open_sockets(settings)
    tasks = TaskOwner("test")
    serving = tasks.start(server.serve_app(sockets), "serve")
    ready = tasks.start(up.wait(), "up")
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    try:
        yield Live(sockets[0].getsockname()[1], server, app.state.running.manager)
    finally:
        server.should_exit = True
        await serving
        await tasks.aclose()


class Client:
    """A socket and the frames it received; checks the order every client may rely on."""

    def __init__(self, socket: ClientConnection, view: View | None = None) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.messages: list[int] = []
        self.view = view if view is not None else View()
        self._waiting: list[Frame] = []

    @property
    def ready(self) -> Ready:
        frame = self.frames[0]
        assert isinstance(frame, Ready)
        return frame

    @property
    def position(self) -> dict[str, Any]:
        """Where this client stands, as query parameters."""
        return {"after": self.view.seq, "epoch": self.ready.epoch}

    @property
    def events(self) -> list[ev.Event]:
        return [f for f in self.frames if isinstance(f, ev.EventBase)]

    async def next(self) -> Frame:
        """The next frame."""
        while not self._waiting:
            async with asyncio.timeout(PATIENCE_S):
                message = await self.socket.recv()
            self.messages.append(len(message))
            if isinstance(message, str):
                self._waiting = [codec.decode_frame(line) for line in message.split("\n")]
            else:
                self._waiting = [codec.decode_frame_msgpack(part) for part in codec.split_msgpack(message)]
        frame = self._waiting.pop(0)
        self.frames.append(frame)
        if isinstance(frame, Snapshot):
            self.view = from_snapshot(frame)
        elif isinstance(frame, ev.EventBase) and frame.seq > self.view.seq:
            assert ev.first_seq(frame) == self.view.seq + 1, "a gap, or an event twice"
            apply(self.view, frame)
        return frame

    async def until(self, done: Callable[[Frame], bool]) -> Frame:
        while True:
            frame = await self.next()
            if done(frame):
                return frame

    async def until_type(self, *kinds: type[Any]) -> Any:
        return await self.until(lambda frame: isinstance(frame, kinds))

    async def synced(self) -> "Client":
        """Wait until replay or snapshot is complete."""
        await self.until_type(Synced)
        return self

    async def send(self, submission: Submission) -> None:
        binary = self.socket.subprotocol == SUBPROTOCOL_MSGPACK
        await self.socket.send(codec.encode_msgpack(submission) if binary else codec.encode(submission).decode())

    async def refusal(self) -> Refused:
        frame = await self.until_type(Refused)
        assert isinstance(frame, Refused)
        return frame

    async def closed(self) -> tuple[int, str]:
        """Read until the server closes; its code and reason."""
        with contextlib.suppress(Exception):
            while True:
                await self.next()
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE_S)
        return self.socket.close_code or 0, self.socket.close_reason or ""

    def frame_types(self) -> list[str]:
        """The types of the frames so far, heartbeats left out."""
        return [str(type(f).__struct_config__.tag) for f in self.frames if not isinstance(f, Heartbeat)]


@contextlib.asynccontextmanager
async def client(
    live: Address, session_id: str = "", *, encoding: str = "json", view: View | None = None, **query: Any
) -> AsyncIterator[Client]:
    """A connected client. `encoding`: `json`, `msgpack`, or `hand` for none offered."""
    offered: Any = {"json": [SUBPROTOCOL_JSON], "msgpack": [SUBPROTOCOL_MSGPACK], "hand": None}[encoding]
    path = f"/{session_id}" if session_id else ""
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"{live.ws}{path}" + (f"?{fields}" if fields else "")
    async with connect(url, subprotocols=offered, max_size=2**25, compression=None) as socket:
        yield Client(socket, view)


def same_view(one: View, other: View) -> bool:
    """Whether two views are byte-identical."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)
