"""Websocket protocol: uvicorn's websocket connection, with bounds on what a peer may send and on what waits for it."""

import asyncio
import struct
from typing import Any, ClassVar

from starlette.types import Receive, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from server.transport import websocket
from server.transport.admission import EXTENSION as SLOT_EXTENSION
from server.transport.admission import Slot
from server.transport.fair_starts import FairStarts
from server.transport.websocket import EXTENSION as TRANSPORT_EXTENSION
from server.util.rate_limit import TokenBucket

COPIED_BYTES_MAX = 16_384
"""Below this it is cheaper to copy a message behind its header than to hand over both."""

SLICE_BYTES = 1_024
"""What is parsed at once. The smallest frame of a client has 6 bytes, so this holds at most 170: some 1.5 ms of work, also
if a user's hundred sockets send at the same moment."""

STEP_COST = 64
"""Frames and slices after which other connections get a turn: 64 KiB of a large message."""

BYTES_A_FRAME = 4_096
"""So many bytes count as one frame more: about the same work."""

FRAMES_PER_S_FACTOR = 4
"""Websocket frames a peer may send for each frame of `socket.frames_per_s`: room for pings and for the fragments of large
messages. A peer that sends more is read more slowly. At the defaults, a hundred such peers take a fifth of a core."""

FRAMES_BURST = 1_024
"""Frames a peer may send at once: a message of 1 MiB in fragments of 2 KiB is not slowed, nor are four in one frame each."""

UNPARSED_BYTES_MAX = 1_048_576
"""What may wait to be parsed. Reading pauses before: only a peer that floods after a close frame reaches this."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket connection, with bounds. The app finds it in the ASGI scope's extensions as a `SocketTransport`.

    What may wait in the process for a slow peer is `SEND_BUFFER_BYTES`. `CLOSE_GRACE_S`: seconds that a peer has to take
    and answer a close frame.

    What comes in is parsed in slices. Every frame counts, control frames and fragments too: a peer that sends more than
    `frames_per_s` is not read for a while. uvicorn and websockets bound the size of a message, but neither the number of
    its fragments nor that of control frames, and parse all that one read gave them before anything else runs.
    """

    frames_per_s: ClassVar[float] = 200.0
    starts: ClassVar[FairStarts] = FairStarts()
    """Both are replaced by a subclass that is made from the settings."""

    slot: Slot | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pace = TokenBucket(self.frames_per_s, FRAMES_BURST)
        self._unparsed = bytearray()
        self._parsed = 0
        self._hold: asyncio.Handle | None = None
        self._app = self.app
        self.app = self._run_app

    async def _run_app(self, scope: Any, receive: Receive, send: Send) -> None:
        await self.starts.wait(scope)
        await self._app(scope, receive, send)

    @property
    def held(self) -> bool:
        """Whether the peer is not read for a while: it has sent more frames than its share."""
        return self._hold is not None

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless parsing waits: then it is kept. A peer that sends on after a close frame is cut off."""
        if self._hold is None and not self._unparsed and len(data) <= SLICE_BYTES:
            self._parse_slice(data)
            return
        self._unparsed += data
        if len(self._unparsed) > UNPARSED_BYTES_MAX:
            self.transport.abort()
        elif self._hold is None:
            self._parse()

    def handle_events(self) -> None:
        """As uvicorn's; counts the frames."""
        self._parsed += len(self.conn.events)
        super().handle_events()

    def handle_text(self, event: Frame) -> None:
        """As uvicorn's; the first fragment of several begins one buffer, so that small fragments cost no object each."""
        super().handle_text(event)
        if not event.fin:
            self.frames = [bytearray(event.data)]  # type: ignore[list-item]  # uvicorn joins and decodes it

    def handle_bytes(self, event: Frame) -> None:
        """As uvicorn's; see `handle_text`."""
        super().handle_bytes(event)
        if not event.fin:
            self.frames = [bytearray(event.data)]  # type: ignore[list-item]  # made bytes with the last fragment

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to the message, and hand the message over with the last one."""
        self.frames[0] += event.data
        if event.fin:
            if self.curr_msg_data_type == "bytes":
                self.frames = [bytes(self.frames[0])]
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Send the pongs, but not to a peer that does not read: only the last ping must be answered (RFC 6455, 5.5.3)."""
        pongs = self.conn.data_to_send()
        if self.unsent() <= websocket.SEND_BUFFER_BYTES:
            self.transport.write(b"".join(pongs))

    async def receive(self) -> Any:
        """The next message for the app. With the last one that waits, reading goes on, unless the peer is held."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def _go_on(self) -> None:
        """Parse what waits and read on, unless the peer is held."""
        if self._hold is None:
            self._parse()

    def _parse(self) -> None:
        """Parse what waits, slice by slice, until the app has to take messages, or enough was done for now."""
        self._hold = None
        cost = 0
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            if cost > STEP_COST:
                self._wait(0.0)
                return
            data = bytes(self._unparsed[:SLICE_BYTES])
            del self._unparsed[:SLICE_BYTES]
            cost += 1 + self._parse_slice(data)
            if self.held:
                return
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _parse_slice(self, data: bytes) -> int:
        """Parse so much; the number of frames in it. Holds a peer that has used up its share."""
        self._parsed = 0
        super().data_received(data)
        wait_s = self._pace.spend(self._parsed + len(data) / BYTES_A_FRAME, self.loop.time())
        if wait_s > 0:
            self._wait(wait_s)
        return self._parsed

    def _wait(self, seconds: float) -> None:
        """Read and parse nothing for so long."""
        self.transport.pause_reading()
        self._hold = self.loop.call_later(seconds, self._parse)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot of a connection that has closed."""
        super().connection_lost(exc)
        if self._hold is not None:
            self._hold.cancel()
        if self.slot is not None:
            self.slot.release()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what waits in the process for a peer that reads slowly."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=websocket.SEND_BUFFER_BYTES)

    def handle_connect(self, event: Request) -> None:
        """As uvicorn's; puts the transport and the slot into the scope before the app's task runs."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[TRANSPORT_EXTENSION] = self
            extensions[SLOT_EXTENSION] = self.slot

    def unsent(self) -> int:
        """Bytes that wait in the process for the peer to take them."""
        return self.transport.get_write_buffer_size()

    async def write(self, data: bytes, *, text: bool) -> None:
        """Send one message; large ones are not copied on their way to the socket. Raises `ClientDisconnected`."""
        await self.writable.wait()
        if not self.handshake_complete or self._is_ending():
            raise ClientDisconnected
        if self.conn.extensions:
            (self.conn.send_text if text else self.conn.send_binary)(data)
            self.transport.write(b"".join(self.conn.data_to_send()))
            return
        header = frame_header(Opcode.TEXT if text else Opcode.BINARY, len(data))
        if len(data) < COPIED_BYTES_MAX:
            self.transport.write(header + data)
        else:
            self.transport.write(header)
            self.transport.write(data)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind all that waits to be sent, without waiting; cut the connection after `CLOSE_GRACE_S`."""
        if not self.handshake_complete or self._is_ending():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self._go_on()
        self.close_timer = self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)

    def abort(self) -> None:
        """Drop the connection at once, with all that waits to be sent."""
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """As uvicorn's; but a peer that does not answer a close frame is cut off, even with data still to be sent.

        Raises `ClientDisconnected` after a close frame that the app may not know of. A denied upgrade counts as a
        finished handshake: uvicorn would log it as an error of the app.
        """
        await self.writable.wait()
        if self.handshake_complete and self._is_ending():
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
        if message["type"] == "websocket.close":
            self._go_on()
        if self.close_timer is not None and message["type"] == "websocket.close":
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """As uvicorn's; but not while data sent before the ping still waits: the peer cannot have answered yet.

        The app watches by `unsent` whether such a peer reads at all.
        """
        if self.unsent():
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def _is_ending(self) -> bool:
        return self.close_sent or self.disconnected or self.transport.is_closing()

    def shutdown(self) -> None:
        """As uvicorn's; but a peer that does not read cannot delay the stop: it is cut after `CLOSE_GRACE_S`."""
        super().shutdown()
        self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)


def frame_header(opcode: Opcode, size: int) -> bytes:
    """The header of an unfragmented, unmasked frame with a payload of `size` bytes (RFC 6455, section 5.2)."""
    first = 0x80 | opcode
    if size < 126:
        return struct.pack("!BB", first, size)
    return struct.pack("!BBH", first, 126, size) if size < 65_536 else struct.pack("!BBQ", first, 127, size)
