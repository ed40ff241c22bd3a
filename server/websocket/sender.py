"""Socket sender: sends frames over one websocket, and knows since when its client takes nothing."""

import asyncio

from protocol import codec
from server.sessions.broadcaster import Cursor, TailEvent
from server.telemetry.metrics import Metrics
from server.transport.websocket import SocketTransport

OUTBOUND_BATCH_BYTES = 65_536
"""Frames are sent together in one message up to this size: a replay needs few messages, and none holds up a heartbeat."""


class SocketSender:
    """Sends what a cursor gives, and other frames. `binary`: as MessagePack, else as JSON.

    `frames`: sent so far. `sending`: a message waits for the client. `sent_at`: when the last one was handed over, by the loop's clock.
    `keeps_up`: set by the connection while all events have been sent and nothing else is to be.
    """

    __slots__ = (
        "_binary",
        "_cursor",
        "_loop",
        "_metrics",
        "_taken_bytes",
        "_transport",
        "frames",
        "keeps_up",
        "sending",
        "sent_at",
        "taken_at",
    )

    def __init__(self, transport: SocketTransport, cursor: Cursor, metrics: Metrics, *, binary: bool) -> None:
        self._transport = transport
        self._cursor = cursor
        self._metrics = metrics
        self._binary = binary
        self._loop = asyncio.get_running_loop()
        self._taken_bytes = 0
        self.sent_at = self.taken_at = self._loop.time()
        self.sending = self.keeps_up = False
        self.frames = 0
        cursor.take_at_once = self._send_at_once

    async def send(self, frames: list[bytes]) -> None:
        """Send these frames, encoded already, in one message. Waits for a client that takes nothing. Raises `OSError`."""
        self.sending = True
        began = self._loop.time()
        await self._transport.write(self._joined(frames), text=not self._binary)
        self.sending = False
        self._sent(len(frames), self._loop.time() - began)

    async def send_json(self, frames: list[bytes]) -> None:
        """The same for frames in JSON."""
        await self.send([codec.to_msgpack(frame) for frame in frames] if self._binary else frames)

    async def send_events(self, events: list[TailEvent]) -> None:
        """The same for events, which are encoded once for all sockets."""
        await self.send(self._encoded(events))

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
        cursor = self._cursor
        if not self.keeps_up or cursor.has_out_of_band or cursor.close_reason is not None:
            return False
        events = cursor.in_memory(OUTBOUND_BATCH_BYTES)
        if not events or not self._transport.write_now(self._joined(self._encoded(events)), text=not self._binary):
            return False
        cursor.advance(events[-1].seq)
        self._sent(len(events), 0.0)
        return cursor.at_head

    def _encoded(self, events: list[TailEvent]) -> list[bytes]:
        return [event.packed for event in events] if self._binary else [event.data for event in events]

    def _joined(self, frames: list[bytes]) -> bytes:
        """One message. A single frame is not copied: many sockets may send the same bytes object."""
        return frames[0] if len(frames) == 1 else (b"" if self._binary else b"\n").join(frames)

    def _sent(self, frames: int, seconds: float) -> None:
        self.frames += frames
        self.sent_at = self._loop.time()
        self._metrics.send_s.observe(seconds)
