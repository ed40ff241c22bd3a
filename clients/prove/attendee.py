"""Attendee: one client of a case: keeps its position and what it submitted, comes back after each cut, and writes the trace."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from clients.prove.trace import Closed, Denied, Entry, Opened, Received, Sent
from clients.session.frames import ProtocolFault, Unknown, read_frames
from clients.session.view import at_rest
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, codec
from protocol import events as ev
from protocol.frames import Ready, Refused, Snapshot, Synced
from protocol.submissions import Submission
from protocol.view import View, apply, from_snapshot

COME_BACK_S = 0.02
"""Before each try to connect again. Real clients wait longer; here the cuts are the point."""

SILENCE_S = 3.0
"""A socket that says nothing for so long, not even a heartbeat, is given up while the client waits for something."""

MESSAGE_BYTES_MAX = 2**26
_BOTH = [Subprotocol(SUBPROTOCOL_MSGPACK), Subprotocol(SUBPROTOCOL_JSON)]


class Refusal(Exception):
    """The server refused the connection for good; the message says why."""


class Changes:
    """Tells everybody who waits that something changed for one of a case's clients."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Something changed."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._event.wait()


class Attendee:
    """A client. `view` is what it shows while it runs; the checker makes its own from the trace."""

    def __init__(self, name: str, address: str, token: str | None, trace: list[Entry], changes: Changes) -> None:
        """`address`: where the server's `/ws` is reached, through the proxy or not."""
        self.name = name
        self.session_id = ""
        self.view = View()
        self.position: tuple[str, int] | None = None
        self.like = ""
        self.offers_msgpack = False
        self.live = False
        self.stalled = asyncio.Event()
        self.stalled.set()
        self.refusal: Refusal | None = None
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._trace = trace
        self._waiting: dict[str, Submission] = {}
        self._socket: ClientConnection | None = None
        self._changes = changes
        self._epoch = ""
        self._leaving = False

    async def run(self) -> None:
        """Connect, read until the socket ends, and come back; until it leaves."""
        while not self._leaving:
            with contextlib.suppress(WebSocketException, OSError, TimeoutError, EOFError):
                await self._attend()
            self.live = False
            self._changes.notify()
            if self.refusal is not None:
                return
            await asyncio.sleep(COME_BACK_S)

    async def leave(self) -> None:
        """Go, and do not come back."""
        self._leaving = True
        if self._socket is not None:
            await self._socket.close()

    def give_up(self) -> None:
        """Take the socket for dead."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def submit(self, submission: Submission) -> None:
        """Submit; it is sent again on each new socket until it has an answer."""
        self._waiting[str(submission.id)] = submission
        if self.live:
            await self._send(submission)

    async def send_raw(self, data: str | bytes) -> None:
        """Send a message that is no submission."""
        with contextlib.suppress(WebSocketException, OSError):
            if self._socket is not None:
                await self._socket.send(data)

    async def until(self, holds: Callable[["Attendee"], bool], patience_s: float) -> bool:
        """Wait until something holds of this client; False if it does not in time. A socket that fell silent is given up."""
        loop = asyncio.get_running_loop()
        ends, quiet_until = loop.time() + patience_s, loop.time() + SILENCE_S
        while not holds(self):
            if self.refusal is not None or loop.time() >= ends:
                return False
            try:
                async with asyncio.timeout_at(min(ends, quiet_until)):
                    await self._changes.wait()
                quiet_until = loop.time() + SILENCE_S
            except TimeoutError:
                if loop.time() >= quiet_until:
                    self.give_up()
                    quiet_until = loop.time() + SILENCE_S
        return True

    @property
    def unanswered(self) -> int:
        """How many of its submissions have no answer yet."""
        return len(self._waiting)

    @property
    def rests(self) -> bool:
        """Whether its view is up to date and at rest, with all that it submitted answered."""
        return self.live and at_rest(self.view) and not self._waiting

    async def _attend(self) -> None:
        address = self._address + (f"/{self.session_id}" if self.session_id else "")
        if self.position is not None:
            epoch, seq = self.position
            address += f"?after={seq}" + (f"&epoch={epoch}" if epoch else "")
        try:
            socket = await connect(
                address,
                subprotocols=_BOTH if self.offers_msgpack else _BOTH[1:],
                additional_headers=self._headers,
                compression=None,
                proxy=None,
                open_timeout=SILENCE_S,
                close_timeout=1.0,
                ping_interval=None,
                max_size=MESSAGE_BYTES_MAX,
            )
        except InvalidStatus as refused:
            if refused.response.status_code not in (429, 500, 502, 503, 504):
                body = (refused.response.body or b"").decode(errors="replace")[:300]
                self.refusal = Refusal(f"{refused.response.status_code}: {body}")
                self._trace.append(Denied(self.name, str(self.refusal)))
            raise
        self._socket = socket
        asked = None if self.position is None else self.position[1]
        self._trace.append(Opened(self.name, asked, self.like))
        self.like = ""
        try:
            async for message in socket:
                await self.stalled.wait()
                await self._take_message(_lines(message))
        except ConnectionClosed:
            pass
        finally:
            self._socket = None
            socket.transport.abort()
            self._trace.append(Closed(self.name, socket.close_code))

    async def _take_message(self, lines: Sequence[str]) -> None:
        was_live = self.live
        for line in lines:
            self._trace.append(Received(self.name, line))
            with contextlib.suppress(ProtocolFault):  # the checker notes it
                for frame in read_frames(line, binary=False):
                    self._take(frame)
        self._changes.notify()
        if self.live and not was_live:
            for submission in list(self._waiting.values()):
                await self._send(submission)

    def _take(self, frame: object) -> None:
        if isinstance(frame, Ready):
            self.session_id, self._epoch = frame.session_id, frame.epoch
            if not frame.recovered:
                self.position = None
            elif self.view.seq == 0:
                self.view.model = frame.model
        elif isinstance(frame, Snapshot):
            self.view = from_snapshot(codec.decode_frame(codec.encode(frame)))  # type: ignore[arg-type]  # a snapshot again
        elif isinstance(frame, Synced):
            self.live = True
            self.position = (self._epoch, self.view.seq)
        elif isinstance(frame, Refused):
            self._settle(str(frame.id), retry=frame.retryable)
        elif isinstance(frame, Unknown):
            self.view.seq = max(self.view.seq, frame.seq)
        elif isinstance(frame, ev.EventBase):
            if isinstance(frame, ev.Accepted):
                self._settle(frame.submission_id, retry=False)
            apply(self.view, frame)  # type: ignore[arg-type]  # every event is of the union
            if self.live:
                self.position = (self._epoch, self.view.seq)

    def _settle(self, submission_id: str, *, retry: bool) -> None:
        if not retry:
            self._waiting.pop(submission_id, None)

    async def _send(self, submission: Submission) -> None:
        if self._socket is None:
            return
        self._trace.append(Sent(self.name, submission))
        binary = self._socket.subprotocol == SUBPROTOCOL_MSGPACK
        with contextlib.suppress(WebSocketException, OSError):
            await self._socket.send(codec.encode_msgpack(submission) if binary else codec.encode(submission).decode())


def _lines(message: str | bytes) -> list[str]:
    """The frames of a message, each as JSON; what cannot be read is left for the checker, which notes it."""
    if isinstance(message, str):
        return [line for line in message.split("\n") if line.strip()]
    try:
        return [msgspec.json.encode(msgspec.msgpack.decode(part)).decode() for part in codec.split_msgpack(message)]
    except (codec.FrameError, *codec.DECODE_ERRORS):
        return [f"no MessagePack: {message.hex()}"]
