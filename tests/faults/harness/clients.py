"""Clients of the fault tests: one that never disconnects, and one that reconnects by the protocol's rules and nothing more."""

import asyncio
import copy
from collections.abc import Callable
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, codec
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.submissions import Submission
from protocol.view import View, apply, from_snapshot
from tests.support.live import Address

Encoding = Literal["json", "msgpack"]
Habit = Literal["each", "synced", "back"]
"""When a client commits its position: with each event; at `synced` alone, keeping the view; or that, going back to the
view it had then."""

PATIENCE_S = 60.0
AGAIN_S = 0.01
SUBPROTOCOLS = {"json": SUBPROTOCOL_JSON, "msgpack": SUBPROTOCOL_MSGPACK}
MAX_SIZE = 2**25


class Persistent:
    """One session over as many sockets as it takes; `run` it as a task. Any break of a promise ends it with an error.

    `whole`: it begins with the whole journal, not with a snapshot. `events` keeps all it was told, if asked. `silence_s`: after so long without a word the socket is taken for dead.
    """

    def __init__(
        self,
        address: Address,
        session_id: str,
        *,
        encoding: Encoding = "json",
        habit: Habit = "each",
        whole: bool = False,
        silence_s: float = 30.0,
        keep_events: bool = False,
    ) -> None:
        self.address = address
        self.session_id = session_id
        self.view = View()
        self.position: tuple[str, int] | None = ("", 0) if whole else None
        self.events: list[ev.Event] = []
        self.sockets = 0
        self.snapshots = 0
        self.endings: list[tuple[int | None, str]] = []
        self.denials: list[int] = []
        self.unreachable = 0
        self.refusals: list[Refused] = []
        self._encoding: Encoding = encoding
        self._habit = habit
        self._silence_s = silence_s
        self._keep_events = keep_events
        self._committed = View()
        self._socket: ClientConnection | None = None
        self._epoch = ""
        self._live = False
        self._changed = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Socket after socket, until cancelled."""
        try:
            while True:
                await self._one_socket()
                await asyncio.sleep(AGAIN_S)
        except Exception as error:
            self._failure = error
            self._change()
            raise

    async def until(self, holds: Callable[["Persistent"], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until this holds; it is looked at after every frame and at every socket's end."""
        async with asyncio.timeout(timeout_s):
            while not holds(self):
                if self._failure is not None:
                    raise self._failure
                await self._changed.wait()

    async def until_live(self) -> None:
        await self.until(lambda one: one._live)

    async def send(self, submission: Submission) -> None:
        """Say it on the socket there is; whether it comes through is told by the events."""
        await self.until_live()
        assert self._socket is not None
        binary = self._encoding == "msgpack"
        await self._socket.send(codec.encode_msgpack(submission) if binary else codec.encode(submission).decode())

    async def _one_socket(self) -> None:
        if self._habit == "back":
            self.view = copy.deepcopy(self._committed)
        url = f"{self.address.ws}/{self.session_id}"
        if self.position is not None:
            url += "?epoch={}&after={}".format(*self.position)
        try:
            async with connect(
                url,
                subprotocols=[SUBPROTOCOLS[self._encoding]],  # type: ignore[list-item]  # a NewType of str
                max_size=MAX_SIZE,
                compression=None,
                open_timeout=self._silence_s,
                close_timeout=0.5,
                ping_interval=None,
            ) as self._socket:
                self.sockets += 1
                await self._listen(self._socket)
        except InvalidStatus as denied:
            status = denied.response.status_code
            self.denials.append(status)
            assert status in (429, 503), f"denied with {status}"
        except ConnectionRefusedError:
            self.unreachable += 1
        except (OSError, EOFError, WebSocketException):
            ended = self._socket
            if ended is not None:
                self.endings.append((ended.close_code, ended.close_reason or ""))
        finally:
            self._socket, self._live = None, False
            self._change()

    async def _listen(self, socket: ClientConnection) -> None:
        position = self.position
        ready = False
        while True:
            async with asyncio.timeout(self._silence_s):
                message = await socket.recv()
            for frame in decode(message):
                assert ready != isinstance(frame, Ready), "`ready` comes first, and once"
                ready = True
                self._take(frame, position)
                self._change()

    def _take(self, frame: Frame, position: tuple[str, int] | None) -> None:
        match frame:
            case Ready():
                assert frame.recovered == (position is not None), "a good position was not recovered, or none was"
                assert not self._epoch or frame.epoch == self._epoch, "nothing was lost, so the epoch stays"
                self._epoch = frame.epoch
                if self.view.seq == 0:
                    self.view = View(model=frame.model)
            case Snapshot():
                self.snapshots += 1
                self.view = from_snapshot(frame)
            case Synced():
                assert frame.seq == self.view.seq, "the replay is not complete"
                self._live = True
                self._commit()
            case Heartbeat():
                assert frame.seq == self.view.seq or not self._live
            case Refused():
                self.refusals.append(frame)
            case _:
                self._fold(frame)

    def _fold(self, event: ev.Event) -> None:
        if event.seq <= self.view.seq:
            return
        first = ev.first_seq(event)
        assert first <= self.view.seq + 1, f"events are missing: {self.view.seq + 1} to {first - 1}"
        if isinstance(event, ev.AssistantChunk):
            message = self.view.open_message
            known = message if message is not None and message.message_id == event.message_id else None
            text = "" if known is None else known.text if event.kind == "text" else known.reasoning
            assert event.offset <= len(text), "text is missing"
        apply(self.view, event)
        if self._keep_events:
            self.events.append(event)
        if self._live and self._habit == "each":
            self._commit()

    def _commit(self) -> None:
        self.position = (self._epoch, self.view.seq)
        if self._habit == "back":
            self._committed = copy.deepcopy(self.view)

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def decode(message: str | bytes) -> list[Frame]:
    """The frames of one websocket message."""
    if isinstance(message, str):
        return [codec.decode_frame(line) for line in message.split("\n")]
    return [codec.decode_frame_msgpack(part) for part in codec.split_msgpack(message)]
