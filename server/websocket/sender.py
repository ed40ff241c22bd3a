"""Socket sender: sends frames over one websocket, and knows since when its client takes nothing."""

import asyncio
import math
from collections.abc import Iterator
from typing import cast

import msgspec

from protocol import codec
from server.sessions.ports.broadcaster import Cursor, LargeEvent, TailEvent
from server.telemetry.metrics import Metrics
from server.transport.websocket import SocketTransport
from server.websocket.parts import Parts

OUTBOUND_BATCH_BYTES = 30_000
"""Frames are sent together in one message up to this size: a replay needs few messages, none holds up a heartbeat, and the
smallest default of a websocket library (32 KiB, Go's nhooyr) takes it."""

READ_BYTES = 65_536
"""Events that are read at once, for a few messages."""

TURN_COMPLETE, FINAL_RESPONSE = b'{"type":"turn_complete"', b',"final_response":'
"""How the JSON of this event begins, and what stands before its last field. Within a text the quotes would be escaped."""


class Form(msgspec.Struct, frozen=True):
    """In what form a socket gets its frames.

    `binary`: as MessagePack, else as JSON. `most`: bytes of its largest message. `parts_most`: the same for the parts of what is
    larger; of few different sizes, so that sockets share them. `final_response`: whether `turn_complete` has one.
    """

    binary: bool
    most: int
    parts_most: int
    final_response: bool = True


class SocketSender:
    """Sends what a cursor gives, and other frames, each message of at most `form.most` bytes.

    `frames`: sent so far. `sending`: a message waits for the client. `sent_at`: when the last one was handed over, by the loop's clock.
    `keeps_up`: set by the connection while all events have been sent and nothing else is to be. `large`: the size of the newest
    message above `OUTBOUND_BATCH_BYTES`, `large_at`: when it was handed over; infinite until then.
    """

    __slots__ = (
        "_batch_bytes",
        "_cursor",
        "_form",
        "_loop",
        "_metrics",
        "_taken_bytes",
        "_transport",
        "frames",
        "keeps_up",
        "large",
        "large_at",
        "sending",
        "sent_at",
        "taken_at",
    )

    def __init__(self, transport: SocketTransport, cursor: Cursor, metrics: Metrics, form: Form) -> None:
        self._transport = transport
        self._cursor = cursor
        self._metrics = metrics
        self._form = form
        self._batch_bytes = min(OUTBOUND_BATCH_BYTES, form.most)
        self._loop = asyncio.get_running_loop()
        self._taken_bytes = 0
        self.sent_at = self.taken_at = self._loop.time()
        self.sending = self.keeps_up = False
        self.frames = 0
        self.large, self.large_at = 0, 0.0
        cursor.take_at_once = self._send_at_once

    async def send(self, frames: list[bytes]) -> None:
        """Send these frames, encoded already, in as few messages as they fit in. Waits for a client that takes nothing.

        Raises `OSError`.
        """
        self.sending = True
        for count, message in self._messages(frames):
            began = self._loop.time()
            if len(message) > OUTBOUND_BATCH_BYTES:
                await self._send_large(message)
            else:
                await self._transport.write(message, text=not self._form.binary)
            self._sent(count, self._loop.time() - began)
        self.sending = False

    async def _send_large(self, message: bytes) -> None:
        self.large, self.large_at = len(message), math.inf
        await self._transport.write(message, text=not self._form.binary)
        self.large_at = self._loop.time()

    async def send_json(self, frames: list[bytes]) -> None:
        """The same for frames in JSON."""
        await self.send_events([TailEvent(0, 0, frame) for frame in frames])

    async def send_events(self, events: list[TailEvent]) -> None:
        """The same for events, which are encoded once for all sockets; one that is too large for this client comes in parts."""
        encoded = self._encoded(events)
        self._shorten(events, encoded)
        begin = 0
        if max(map(len, encoded)) > self._form.most:
            for number, frame in enumerate(encoded):
                if len(frame) > self._form.most:
                    await self.send(encoded[begin:number])
                    for part in self._parts_of(events[number]):
                        await self.send([part])
                    begin = number + 1
        await self.send(encoded[begin:])

    def _parts_of(self, event: TailEvent) -> Parts:
        """The parts of an event, of a large one the same for all sockets of this form."""
        most, binary = self._form.parts_most, self._form.binary
        if not isinstance(event, LargeEvent):
            return Parts(event.data, most, binary=binary)
        parts = event.forms.get((most, binary))
        if parts is None:
            parts = event.forms[most, binary] = Parts(event.data, most, binary=binary)
        return cast("Parts", parts)

    def _shorten(self, events: list[TailEvent], encoded: list[bytes]) -> None:
        """Take the final response out of what is encoded, for a client that wants none."""
        if self._form.final_response:
            return
        for number, event in enumerate(events):
            frame = event.data
            if frame.startswith(TURN_COMPLETE):
                short = frame[: frame.index(FINAL_RESPONSE)] + b"}"
                encoded[number] = codec.to_msgpack(short) if self._form.binary else short

    def is_taking(self, now: float) -> bool:
        """Whether the client has taken all that was sent, or some of it since the last call. `taken_at`: when it last had."""
        unsent = self._transport.unsent()
        taken = self._transport.sent_bytes - unsent
        if unsent and taken <= self._taken_bytes:
            return False
        self._taken_bytes, self.taken_at = taken, now
        return True

    def _send_at_once(self) -> bool:
        """Send new events without the connection's task, whose wake-up costs more than the sending. False if it must do it."""
        events = self._cursor.events_alone(self._batch_bytes) if self.keeps_up else None
        if not events:
            return False
        form = self._form
        if len(events) == 1 and form.final_response:
            message = events[0].packed if form.binary else events[0].data
        else:
            encoded = self._encoded(events)
            self._shorten(events, encoded)
            message = self._joined(encoded)
        if len(message) > self._batch_bytes or not self._transport.write_now(message, text=not form.binary):
            return False
        self._sent(len(events), 0.0)
        return self._cursor.advance(events[-1].seq)

    def _encoded(self, events: list[TailEvent]) -> list[bytes]:
        return [event.packed for event in events] if self._form.binary else [event.data for event in events]

    def _messages(self, frames: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """These frames in messages of `OUTBOUND_BATCH_BYTES` at most; what is larger is alone. Each with the count of its frames."""
        begin = size = 0
        for number, frame in enumerate(frames):
            size += len(frame) + 1  # and a line feed
            if size > self._batch_bytes and number > begin:
                yield number - begin, self._joined(frames[begin:number])
                begin, size = number, len(frame) + 1
        if begin < len(frames):
            yield len(frames) - begin, self._joined(frames[begin:])

    def _joined(self, frames: list[bytes]) -> bytes:
        """One message. A single frame is not copied: many sockets may send the same bytes object."""
        return frames[0] if len(frames) == 1 else (b"" if self._form.binary else b"\n").join(frames)

    def _sent(self, frames: int, seconds: float) -> None:
        self.frames += frames
        self.sent_at = self._loop.time()
        self._metrics.send_s.observe(seconds)
