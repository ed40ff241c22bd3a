"""Websocket protocol: uvicorn's websocket connection, with bounds on what a peer may send and on what waits for it."""

import asyncio
from typing import Any, ClassVar, Literal, cast

from starlette.types import Receive, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from protocol.codes import CLOSE_GOING_AWAY
from server.transport import websocket
from server.transport.admission import EXTENSION as SLOT_EXTENSION
from server.transport.admission import Slot
from server.transport.deflate import DEFLATE
from server.transport.fair_starts import FairStarts
from server.transport.frame_header import frame_header
from server.transport.frame_slices import SLICE_BYTES, NotingReader
from server.transport.message_queue import MessageQueue
from server.transport.websocket import EXTENSION as TRANSPORT_EXTENSION
from server.util.rate_limit import TokenBucket

TEXT, BINARY, CONT, PING, PONG = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG
"""Names of a module are found faster than members of an enumeration."""

COPIED_BYTES_MAX = 16_384
"""Below this it is cheaper to copy a message behind its header than to hand over both."""

FRAGMENT_BYTES = 65_536
"""A large message is sent in fragments of this size (RFC 6455, section 5.4): about as much as the kernel takes at once, and little
work where it is compressed. Between them the loop goes on, and control frames are sent."""
UNFRAGMENTED_BYTES_MAX = 2 * FRAGMENT_BYTES
"""The largest message that is sent in one frame: batches of events always are."""

STEP_COST = 64
"""Frames and slices after which other connections get a turn: all that one read gives of a large message."""

PAID_AT_ONCE = 16
"""Frames that are taken from a peer's share in one go: counting them costs less than asking the clock each time."""
BYTES_A_FRAME = 8_192
"""So many bytes count as one frame more: about the same work."""
READ_COST = 0.25
"""What a small read counts besides its frames: a peer may send them byte by byte."""

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
        self.queue = MessageQueue()  # type: ignore[assignment]  # what is used of a queue
        self._pace = TokenBucket(self.frames_per_s, FRAMES_BURST)
        self._unparsed = b""
        self._unparsed_at = 0
        self._unpaid = 0.0
        self.sent_bytes = 0
        self._hold: asyncio.Handle | None = None
        self._app = self.app
        self.app = self._run_app
        if self.conn.available_extensions:
            self.conn.available_extensions = [DEFLATE]
        self.conn.reader.__class__ = NotingReader
        self._reader: NotingReader = self.conn.reader  # type: ignore[assignment]  # since the line above

    async def _run_app(self, scope: Any, receive: Receive, send: Send) -> None:
        await self.starts.wait(scope)
        try:
            await self._app(scope, receive, send)
        finally:
            scope["extensions"].pop(TRANSPORT_EXTENSION, None)  # the scope and this refer to each other

    @property
    def held(self) -> bool:
        """Whether the peer is not read for a while: it has sent more frames than its share."""
        return self._hold is not None

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless parsing waits: then it is kept. A peer that sends on after a close frame is cut off."""
        if (
            self._hold is None
            and not self._unparsed
            and (len(data) <= SLICE_BYTES or self._reader.slice_end(data, 0) >= len(data))
        ):
            self._unpaid += READ_COST + len(data) / BYTES_A_FRAME
            self._parse_all(data)
            if self._unpaid > PAID_AT_ONCE:
                self._pay()
            return
        self._unparsed = self._unparsed[self._unparsed_at :] + data if self._unparsed else data
        self._unparsed_at = 0
        if len(self._unparsed) > UNPARSED_BYTES_MAX:
            self.transport.abort()
        elif self._hold is None:
            self._parse()

    def _parse_all(self, data: bytes) -> None:
        """As uvicorn's `data_received`, in fewer steps; counts the frames."""
        self.conn.receive_data(data)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
            return
        events = self.conn.events_received()
        self._unpaid += len(events)
        for event in events:
            if not isinstance(event, Frame):
                self.handle_connect(cast("Request", event))
            elif event.opcode is TEXT:
                self._begin_message("text", event)
            elif event.opcode is BINARY:
                self._begin_message("bytes", event)
            elif event.opcode is CONT:
                self.handle_cont(event)
            elif event.opcode is PING:
                self.handle_ping()
            elif event.opcode is PONG:
                self.handle_pong(event)
            else:
                self.handle_close(event)

    def _begin_message(self, kind: Literal["text", "bytes"], event: Frame) -> None:
        """The first or only frame of a message. The first of several begins one buffer: small fragments cost no object each."""
        self.curr_msg_data_type = kind
        if event.fin:
            self.frames = [event.data]  # type: ignore[list-item]  # as uvicorn has it
            self.send_receive_event_to_app()
        else:
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
        if self.unsent() <= websocket.SEND_BUFFER_BYTES + FRAGMENT_BYTES:
            self.transport.write(b"".join(pongs))

    async def receive(self) -> Any:
        """The next message for the app. With the last one that waits, reading goes on, unless the peer is held."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self._hold is None:
                if self._unparsed:
                    self._parse()
                elif not self.transport.is_closing():
                    self.transport.resume_reading()
        return message

    def _go_on(self) -> None:
        """Parse what waits and read on, unless the peer is held."""
        if self._hold is None:
            self._parse()

    def _parse(self) -> None:
        """Parse what waits, slice by slice, until the app has to take messages, or enough was done for now."""
        self._hold = None
        cost = 0.0
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            if cost > STEP_COST:
                self._wait(0.0)
                return
            end = self._reader.slice_end(self._unparsed, self._unparsed_at)
            data = self._unparsed[self._unparsed_at : end]
            if end < len(self._unparsed):
                self._unparsed_at = end
            else:
                self._unparsed, self._unparsed_at = b"", 0
            cost += 1 + self._parse_slice(data)
            if self.held:
                return
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _parse_slice(self, data: bytes) -> float:
        """Parse so much; what it counts, in frames. Holds a peer that has used up its share."""
        before = self._unpaid
        self._unpaid += len(data) / BYTES_A_FRAME
        self._parse_all(data)
        counted = self._unpaid - before
        self._pay()
        return counted

    def _pay(self) -> None:
        """Take what was counted from the peer's share; hold the peer if it has used that up."""
        wait_s = self._pace.spend(self._unpaid, self.loop.time())
        self._unpaid = 0.0
        if wait_s > 0:
            self._wait(wait_s)

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
        self.app = self._app  # no references in a circle: to collect those of a thousand connections takes 100 ms
        self.conn.parser.close()

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
        """Send one message; a large one in fragments, of which few wait in the process. Raises `ClientDisconnected`."""
        await self.writable.wait()
        opcode = TEXT if text else BINARY
        size = FRAGMENT_BYTES if len(data) > UNFRAGMENTED_BYTES_MAX else max(1, len(data))
        whole = (
            data if self.conn.extensions or size >= len(data) else memoryview(data)
        )  # many slow sockets share its bytes
        for begin in range(0, max(1, len(data)), size):
            if begin:
                opcode = CONT
                await asyncio.sleep(0)  # a peer that reads fast gives no other pause
                await self.writable.wait()
            if not self._write_frame(opcode, whole[begin : begin + size], begin + size >= len(data)):
                raise ClientDisconnected

    def write_now(self, data: bytes, *, text: bool) -> bool:
        """Send one message if that need not wait: a small one, to a peer that has taken most of what was sent."""
        most = COPIED_BYTES_MAX if self.conn.extensions else UNFRAGMENTED_BYTES_MAX
        return len(data) <= most and self.writable.is_set() and self._write_frame(TEXT if text else BINARY, data, True)

    def _write_frame(self, opcode: Opcode, data: bytes | memoryview, fin: bool) -> bool:
        """Hand over one frame; what is large is not copied on its way to the socket. False, and nothing is sent, at the end."""
        if not self.handshake_complete or self._is_ending():
            return False
        self.sent_bytes += len(data)
        if self.conn.extensions:
            send = {TEXT: self.conn.send_text, BINARY: self.conn.send_binary}
            send.get(opcode, self.conn.send_continuation)(data, fin)
            self.transport.write(b"".join(self.conn.data_to_send()))
            return True
        header = frame_header(opcode, len(data), fin=fin)
        if len(data) < COPIED_BYTES_MAX:
            self.transport.write(header + data)
        else:
            self.transport.write(header)
            self.transport.write(data)
        return True

    @property
    def close_received(self) -> tuple[int, str] | None:
        """Code and reason of the peer's close frame, if it closed first."""
        close = self.conn.close_rcvd
        return (close.code, close.reason) if close is not None and self.conn.close_rcvd_then_sent else None

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
        """As uvicorn's; but not with 1012, which not all libraries know, and a peer that does not read is cut after `CLOSE_GRACE_S`."""
        if self.handshake_complete:
            self.close(CLOSE_GOING_AWAY, websocket.STOP_REASON)
        super().shutdown()
        self.loop.call_later(websocket.CLOSE_GRACE_S, self.transport.abort)
