"""Follower: a client that follows a session from socket to socket and keeps everything that it received.

The checker of `holdfast prove` judges each frame as it comes: the order of frames, no gap, nothing twice, `recovered` where it is due.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from agent.util.tasks import TaskOwner
from clients.prove.client_check import ClientCheck
from clients.prove.trace import Closed, Entry, Opened, Received, Sent
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, codec
from protocol import events as ev
from protocol.frames import Ready, Refused, Synced
from protocol.submissions import Submission, submission_id
from protocol.view import View

Commits = Literal["every event", "synced"]
PATIENCE_S = 30.0


class Cut(Exception):
    """The socket ended."""


class _OtherPast(Exception):
    """What was seen past the position belongs to an epoch that is over: only a snapshot helps."""


class Record:
    """What the clients of one session sent and received, for the checker. `times_sent`: how often each submission was."""

    def __init__(self) -> None:
        self.trace: list[Entry] = []
        self.times_sent: Counter[str] = Counter()


class Follower:
    """One client. `commits`: when it takes a position for its own; `view` is what it shows, `seen` all events it got,
    since it was last told that they may have been lost.

    `recovered`: what each server said to the position it was told. `answers`: by submission id, the newest one.
    `repeated`: answers it got a second time. `may_lose`: the data may have been put back to older ones.
    """

    def __init__(
        self,
        name: str,
        record: Record | None = None,
        *,
        commits: Commits = "every event",
        encoding: Literal["json", "msgpack"] = "json",
        may_lose: bool = False,
    ) -> None:
        self.name = name
        self.session_id = ""
        self.epoch = ""
        self.position: tuple[str, int] | None = None
        self.may_lose = may_lose
        self.record = Record() if record is None else record
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
        self._check = ClientCheck(self._broken, self.record.times_sent)

    @property
    def view(self) -> View:
        """What it shows."""
        return self._check.view

    def twin(self, name: str) -> "Follower":
        """Another client at the same position, with the same view."""
        other = Follower(name, commits=self._commits, encoding=self._encoding, may_lose=self.may_lose)
        other.session_id, other.epoch, other.position = self.session_id, self.epoch, self.position
        other._check.view, other._check.epoch = copy.deepcopy(self.view), self.epoch
        other.seen = list(self.seen)
        return other

    async def come(self, ws: str) -> None:
        """Connect with the position it has, and wait until the replay is complete. Raises `Cut`."""
        await self.go()
        query = f"?after={self.position[1]}&epoch={self.position[0]}" if self.position is not None else ""
        path = f"/{self.session_id}" if self.session_id else ""
        offered = Subprotocol(SUBPROTOCOL_JSON if self._encoding == "json" else SUBPROTOCOL_MSGPACK)
        try:
            self._socket = await connect(f"{ws}{path}{query}", subprotocols=[offered], max_size=2**25, compression=None)
        except (WebSocketException, OSError, EOFError) as error:
            raise Cut from error
        after = None if self.position is None else self.position[1]
        self.record.trace.append(Opened(self.name, after))
        self._check.opened(after)
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
        self._check.sent.add(submission_id(submission))
        self.record.times_sent[submission_id(submission)] += 1
        self.record.trace.append(Sent(self.name, submission))
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
                for data in _frames(message):
                    self._take(data)
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
            self._check.closed()
            self.record.trace.append(Closed(self.name, socket.close_code))
            self.changed.set()

    def _broken(self, kind: str, message: str) -> None:
        raise AssertionError(f"{self.name}: {kind}: {message}")

    def _take(self, data: bytes) -> None:
        frame = codec.decode_frame(data)
        self.frame_types.append(str(type(frame).__struct_config__.tag))
        if isinstance(frame, Ready):
            self._ready(frame)
        before = self.view.seq
        self.record.trace.append(Received(self.name, data.decode()))
        self._check.receive(data.decode(), len(self.record.trace) - 1, restored=self.may_lose)
        match frame:
            case Synced():
                self.live = True
                self.position = (self.epoch, frame.seq)
            case Refused():
                self.answers[str(frame.id)] = frame
            case ev.EventBase():
                self._event(frame, before)

    def _ready(self, ready: Ready) -> None:
        assert self.session_id in ("", ready.session_id)
        resuming = self.position is not None
        if ready.recovered and self.position is not None:
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

    def _event(self, event: ev.EventBase, before: int) -> None:
        if isinstance(event, ev.Accepted):
            if event.seq <= before and self.live:
                self.repeated.append(event)
            self.answers[event.submission_id] = event
        if event.seq <= before:
            return
        self.seen.append(codec.encode(event))  # type: ignore[arg-type]  # every event is of the union
        if self.live and self._commits == "every event":
            self.position = (self.epoch, event.seq)


def _frames(message: str | bytes) -> Iterator[bytes]:
    """Each frame, as JSON."""
    if isinstance(message, str):
        return (line.encode() for line in message.split("\n"))
    return (codec.encode(codec.decode_frame_msgpack(part)) for part in codec.split_msgpack(message))
