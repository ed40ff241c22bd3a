"""Follower: a client that follows a session from socket to socket and keeps everything that it received.

It holds each socket to the protocol's promises: the order of frames, no gap, nothing twice, `recovered` where it is due.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from agent.util.tasks import TaskOwner
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, codec
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.submissions import Submission
from protocol.view import View, apply, from_snapshot

Commits = Literal["every event", "synced"]
PATIENCE_S = 30.0


class Cut(Exception):
    """The socket ended."""


class _OtherPast(Exception):
    """What was seen past the position belongs to an epoch that is over: only a snapshot helps."""


class Follower:
    """One client. `commits`: when it takes a position for its own; `view` is what it shows, `seen` all events it got,
    since it was last told that they may have been lost.

    `recovered`: what each server said to the position it was told. `answers`: by submission id, the newest one.
    `repeated`: answers it got a second time.
    """

    def __init__(
        self, name: str, *, commits: Commits = "every event", encoding: Literal["json", "msgpack"] = "json"
    ) -> None:
        self.name = name
        self.session_id = ""
        self.epoch = ""
        self.position: tuple[str, int] | None = None
        self.view = View()
        self.seen: list[bytes] = []
        self.recovered: list[bool] = []
        self.frame_types: list[str] = []
        self.answers: dict[str, ev.Accepted | Refused] = {}
        self.repeated: list[ev.Accepted] = []
        self.live = False
        self.closed_with: int | None = None
        self.changed = asyncio.Event()
        self._commits = commits
        self._encoding = encoding
        self._socket: ClientConnection | None = None
        self._tasks = TaskOwner(f"follower/{name}")
        self._error: BaseException | None = None
        self._exact = True

    async def come(self, ws: str) -> None:
        """Connect with the position it has, and wait until the replay is complete. Raises `Cut`."""
        await self.go()
        query = f"?after={self.position[1]}&epoch={self.position[0]}" if self.position is not None else ""
        path = f"/{self.session_id}" if self.session_id else ""
        offered = Subprotocol(SUBPROTOCOL_JSON if self._encoding == "json" else SUBPROTOCOL_MSGPACK)
        self._exact = self.position is None or self.position[1] == self.view.seq
        try:
            self._socket = await connect(f"{ws}{path}{query}", subprotocols=[offered], max_size=2**25, compression=None)
        except (WebSocketException, OSError, EOFError) as error:
            raise Cut from error
        self.frame_types = []
        self._error = None
        self._tasks.start(self._read(self._socket), "read")
        try:
            await self.until(lambda: self.live)
        except _OtherPast:
            await self.come(ws)

    async def until(self, done: Callable[[], bool]) -> None:
        """Until `done` holds; looked at after each message. Raises `Cut`, and what was wrong with what was heard."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not done():
                    if self._error is not None:
                        raise self._error
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{self.name} waited in vain, and sees {self.view}") from error

    async def send(self, submission: Submission) -> None:
        """Raises `Cut`."""
        if self._socket is None:
            raise Cut
        binary = self._encoding == "msgpack"
        try:
            await self._socket.send(codec.encode_msgpack(submission) if binary else codec.encode(submission).decode())
        except (WebSocketException, OSError) as error:
            raise Cut from error

    async def go(self) -> None:
        """Leave, without losing what it has."""
        self.live = False
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await self._tasks.aclose()

    def drop(self) -> None:
        """Leave without a word: the connection is reset, and what was on its way here is lost."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                for frame in _frames(message):
                    self._take(frame)
                self.changed.set()
            self.closed_with = socket.close_code
            raise Cut
        except (WebSocketException, OSError) as error:
            self._error = Cut()
            self._error.__cause__ = error
            self.closed_with = socket.close_code
        except (Cut, _OtherPast, AssertionError) as error:
            self._error = error
        finally:
            self.live = False
            self.changed.set()

    def _take(self, frame: Frame) -> None:
        self.frame_types.append(str(type(frame).__struct_config__.tag))
        match frame:
            case Ready():
                self._ready(frame)
            case Snapshot():
                assert self.frame_types == ["ready", "snapshot"], self.frame_types
                self.view = from_snapshot(frame)
            case Synced():
                assert frame.seq == self.view.seq, f"{self.name}: synced at {frame.seq}, the view is at {self.view.seq}"
                self.live = True
                self.position = (self.epoch, frame.seq)
            case Refused():
                self.answers[str(frame.id)] = frame
            case Heartbeat():
                pass
            case _:
                self._event(frame)

    def _ready(self, ready: Ready) -> None:
        assert self.frame_types == ["ready"], self.frame_types
        assert self.session_id in ("", ready.session_id)
        resuming = self.position is not None
        if ready.recovered:
            assert self.position is not None, f"{self.name}: recovered a position it was not told"
            if self.view.seq != self.position[1] and ready.epoch != self.epoch:
                self.position = None
                self.seen.clear()
                raise _OtherPast
        else:
            self.position = None
        if resuming:
            self.recovered.append(ready.recovered)
            if not ready.recovered:
                self.seen.clear()
        self.session_id, self.epoch = ready.session_id, ready.epoch
        if self.view.seq == 0:
            self.view.model = ready.model

    def _event(self, event: ev.Event) -> None:
        first = ev.first_seq(event)
        if isinstance(event, ev.Accepted):
            if event.seq <= self.view.seq and self.live:
                self.repeated.append(event)
            self.answers[event.submission_id] = event
        assert first <= self.view.seq + 1, f"{self.name}: a gap: {self.view.seq} and then {first}"
        if event.seq <= self.view.seq:
            return
        if self.live or self._exact:
            assert first == self.view.seq + 1, f"{self.name}: {first}..{event.seq} after {self.view.seq}"
        self.seen.append(codec.encode(event))
        apply(self.view, event)
        if self.live and self._commits == "every event":
            self.position = (self.epoch, event.seq)


def _frames(message: str | bytes) -> list[Frame]:
    if isinstance(message, str):
        return [codec.decode_frame(line) for line in message.split("\n")]
    return [codec.decode_frame_msgpack(part) for part in codec.split_msgpack(message)]
