"""Connection: one websocket bound to a session. A write task follows the session's events, a read task hands in submissions."""

import asyncio
import logging
from functools import partial
from typing import Literal

import msgspec
from starlette.types import Message

from agent.session.messages import SubmissionRefusal
from agent.util.errors import log_fault
from agent.util.signal import Signal
from agent.util.tasks import TaskOwner
from protocol import codec, codes
from protocol.codes import CloseReason
from protocol.frames import Frame, Heartbeat, Ready, Synced
from protocol.submissions import Submission
from server import __version__
from server.journal.base import Deleted, JournalError, NotFound
from server.sessions.idempotency import refused_frame
from server.sessions.inbox import Answer, DuplicateSubmission
from server.sessions.ports.broadcaster import DELETED_REASON
from server.sessions.ports.port import SessionPort, Standing
from server.transport import websocket
from server.websocket.handshake import Position, shared_bytes
from server.websocket.peer import ConnectionContext, Peer
from server.websocket.policy import SubmissionPolicy
from server.websocket.reader import FrameReader
from server.websocket.sender import READ_BYTES, Form, SocketSender
from server.websocket.snapshot_encoding import snapshot_work

log = logging.getLogger("holdfast.connection")

IN_FLIGHT_MAX = 16
"""Submissions of one socket that may wait for their answer. With that many, the socket is not read until one is answered."""

ANSWERS_BYTES_MAX = 262_144
"""Bytes of answers for this socket alone, refusals and the first answers to what is sent again, that may wait for the client to
read. With more, the socket is not read until they are being sent: who reads nothing is cut off as all slow clients are."""

CLOSE_ABNORMAL = 1006
"""Reported for a socket that ended without a close frame; never sent (RFC 6455, section 7.4.1)."""

REASON_BYTES_MAX = 123
"""The most bytes of text in a close frame (RFC 6455, section 5.5)."""


SERVER = f"holdfast/{__version__}"
"""What `ready` calls this server."""


class Connection:
    """A websocket bound to a session's port. `run` returns when the client has left or the close frame was sent.

    `closed_with`: the close code, `closed_by`: who closed first, or cut, `frames_in` and `frames_out`: the frames so far; for the log.
    """

    def __init__(
        self,
        port: SessionPort,
        policy: SubmissionPolicy,
        peer: Peer,
        context: ConnectionContext,
        cwd: str = "",
    ) -> None:
        """`cwd`: the session's project folder, if it has one."""
        self._cwd = cwd
        self._port = port
        self._policy = policy
        self._journal = context.journal
        self._encoding = peer.encoding
        self._binary = peer.encoding.kind == "msgpack"
        self._snapshots = context.snapshots
        self._shared_most = shared_bytes(peer.options, context.limits)
        limits = self._limits = peer.options.limits(context.limits)
        self._is_demo = context.is_demo
        self._sizes = context.sizes
        self._metrics = context.metrics
        self._receive = peer.receive
        self._raw_send = peer.send
        self._transport = peer.transport
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(peer.encoding, policy, limits)
        self._in_flight = 0
        self._room = Signal()
        self._cursor = port.follow()
        form = Form(self._binary, limits.outbound_frame_bytes, self._shared_most, peer.options.final_response)
        self._sender = SocketSender(peer.transport, self._cursor, context.metrics, form)
        self.closed_with = CLOSE_ABNORMAL
        self.closed_by: Literal["client", "server"] = "server"
        self._end_reason: asyncio.Future[CloseReason | None] = self._loop.create_future()
        self._timer = self._loop.call_later(self._tick_s, self._tick)

    async def run(self, position: Position | None) -> None:
        """Accept the upgrade, bring the client up to date, then serve it until one side ends.

        `position`: where the client resumes; None for a snapshot.
        """
        tasks = TaskOwner(f"socket/{self._port.session_id}")
        reason: CloseReason | None = CloseReason(codes.CLOSE_FAULT, "a fault of the server; reconnect")
        try:
            await self._raw_send({"type": "websocket.accept", "subprotocol": self._encoding.subprotocol})
            both = [tasks.start(self._write(position), "write"), tasks.start(self._read(), "read")]
            done, _ = await asyncio.wait([*both, self._end_reason], return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            error = None if first.cancelled() else first.exception()
            if error is not None:
                text = log_fault(log, error, "session %s: its socket failed", self._port.session_id)
                reason = CloseReason(codes.CLOSE_FAULT, text)
            elif not first.cancelled():
                reason = first.result()
        except OSError:
            reason = None  # the client left before the upgrade was accepted
        finally:
            self._timer.cancel()
            self._cursor.detach()
            await tasks.aclose()
            await self._close(reason)

    @property
    def frames_in(self) -> int:
        """Frames that the client has sent."""
        return self._reader.count

    @property
    def frames_out(self) -> int:
        """Frames that were sent to the client."""
        return self._sender.frames

    def end(self, reason: CloseReason) -> None:
        """End the connection, whatever it is doing. The close frame follows what was sent already."""
        if not self._end_reason.done():
            self._end_reason.set_result(reason)

    async def _close(self, reason: CloseReason | None) -> None:
        """Send the close frame, if the client is still there (None: it left). Never wait for one that does not read."""
        if reason is None:
            close, sender = self._transport.close_received, self._sender
            if close is not None:
                self.closed_with = close[0]
            if close is not None or self.closed_with == CLOSE_ABNORMAL:
                self.closed_by = "client"  # else the protocol closed it: a message was too large, or no pong came
            since_s = self._loop.time() - sender.large_at
            most = self._limits.outbound_frame_bytes
            self._sizes.ended(self._port.session_id, close, sender.large, since_s, most)
            return
        self.closed_with = reason.code
        text = reason.text.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        if self._end_reason.done():
            self._transport.close(reason.code, text)
            return
        try:
            async with asyncio.timeout(websocket.CLOSE_GRACE_S):
                await self._raw_send({"type": "websocket.close", "code": reason.code, "reason": text})
        except TimeoutError:
            self._transport.abort()
        except (OSError, RuntimeError):
            log.debug("session %s: the client left before the close frame was sent", self._port.session_id)

    async def _write(self, position: Position | None) -> CloseReason | None:
        cursor = self._cursor
        try:
            reason = await self._synchronize(position)
            while reason is None:
                frames = cursor.take_out_of_band()
                if frames:
                    await self._sender.send_json(frames)
                    self._room.set()
                events = await cursor.next(READ_BYTES)
                if events:
                    await self._sender.send_events(events)
                elif cursor.close_reason is not None:
                    reason = cursor.close_reason
                elif not frames and not cursor.has_out_of_band:
                    self._sender.keeps_up = True
                    await cursor.wait()
                    self._sender.keeps_up = False
            return reason
        except (Deleted, NotFound):
            return DELETED_REASON
        except JournalError as error:
            return CloseReason(codes.CLOSE_FAULT, f"the journal cannot be read: {error}")
        except OSError:
            return None

    async def _synchronize(self, position: Position | None) -> CloseReason | None:
        """Send `ready`, then the missed events or a snapshot, then `synced`. A close reason if the session ends before."""
        port, cursor = self._port, self._cursor
        recovered = position is not None and await self._journal.good_position(
            port.session_id, position.epoch, position.seq
        )
        if position is None or not recovered:
            reason = await self._snapshot_turn()
            if reason is None:
                self._metrics.connects.of("snapshot" if position is None else "gap").inc()
                await self._send_snapshot()
            return reason
        standing = await port.standing()
        self._metrics.connects.of("replay").inc()
        mark = port.head
        cursor.advance(position.seq)
        await self._sender.send([self._ready(mark, standing, recovered=True)])
        async for events in port.broadcaster.replay(position.seq, mark, READ_BYTES):
            await self._sender.send_events(events)
            cursor.advance(events[-1].seq)
        self._metrics.replays.observe(mark - position.seq)
        await self._sender.send([self._encode(Synced(seq=cursor.position))])
        return None

    async def _send_snapshot(self) -> None:
        port = self._port
        encode = partial(snapshot_work, most=self._shared_most, binary=self._binary)
        async with self._snapshots.share(self._snapshot_key, self._account, port.head, port.view, encode) as snapshot:
            self._cursor.advance(snapshot.seq)
            await self._sender.send([self._ready(snapshot.seq, snapshot.standing, recovered=False)])
            await self._sender.send(snapshot.frames[:1])
            await self._sender.send(snapshot.frames[1:])
            # Waits until most of the snapshot has been read.
            await self._sender.send([self._encode(Synced(seq=snapshot.seq))])

    def _ready(self, seq: int, standing: Standing, *, recovered: bool) -> bytes:
        ready = Ready(
            session_id=self._port.session_id,
            epoch=self._journal.epoch,
            seq=seq,
            recovered=recovered,
            state=standing.state,  # type: ignore[arg-type]  # the journal stores a SessionStatus
            model=standing.model,
            demo=self._is_demo(standing.model),
            limits=self._limits,
            server=SERVER,
            access=self._policy.access,
            may_set_model=self._policy.may_set_model(standing.shares),
            cwd=self._cwd or msgspec.UNSET,
        )
        return self._encode(ready)

    async def _snapshot_turn(self) -> CloseReason | None:
        """Wait until a snapshot can be taken: what it shows is stored, and its turn has come. A close reason if it does not."""
        port, cursor = self._port, self._cursor
        prepared = False
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                while cursor.close_reason is None:
                    delay_s = self._snapshots.delay_s(self._snapshot_key, self._account, port.head)
                    if delay_s != 0:
                        await self._snapshots.wait(delay_s)
                    elif not port.durable:
                        await cursor.wait()
                    elif not prepared:
                        await port.prepare()
                        prepared = True  # but meanwhile the turn may be another's
                    else:
                        return None
        except TimeoutError:
            text = "too many snapshots of your sessions wait to be read, by other sockets; reconnect in a moment"
            return CloseReason(codes.CLOSE_FAULT, text)
        return cursor.close_reason

    @property
    def _snapshot_key(self) -> str:
        return f"{self._port.session_id} {self._encoding.kind} {self._shared_most}"

    @property
    def _account(self) -> str:
        """Whose unread snapshots are bounded together: the session owner's, or those of the owner's guests."""
        return f"{self._port.user_id} guests" if self._policy.share_id else self._port.user_id

    async def _read(self) -> CloseReason | None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.closed_with = message.get("code") or CLOSE_ABNORMAL
                return None
            if not self._reader.is_large(message):
                reason = await self._take(message)
            else:
                async with self._reader.paced(message):
                    reason = await self._take(message, large=True)
            if reason is not None:
                return reason

    async def _take(self, message: Message, *, large: bool = False) -> CloseReason | None:
        """Submit or refuse what is in a message. The reason to close if the client sends too much."""
        for result in self._reader.submissions(message, self._loop.time()):
            if isinstance(result, CloseReason):
                return result
            if isinstance(result, codec.FrameError):
                self._refuse(SubmissionRefusal(result.code, str(result)), result.id)
            else:
                await self._submit(result)
            while self._in_flight >= IN_FLIGHT_MAX or self._cursor.out_of_band_bytes > ANSWERS_BYTES_MAX:
                self._room.clear()
                await self._room.wait()
            if large:
                await asyncio.sleep(0)  # others come between two frames
        return None

    async def _submit(self, submission: Submission) -> None:
        submission_id = "" if submission.id is msgspec.UNSET else submission.id
        refused, position = self._policy.refuse(submission), self._cursor.position
        answer = refused or await self._port.submit(submission, self._policy.share_id, self)
        if isinstance(answer, SubmissionRefusal):
            self._refuse(answer, submission_id)
            return
        self._in_flight += 1
        answer.add_done_callback(lambda done: self._answered(done, submission_id, position))

    def _answered(self, done: "asyncio.Future[Answer]", submission_id: str, position: int) -> None:
        """`position`: where the socket stood when it was sent. An earlier answer that is past that comes, or came, with the events."""
        self._in_flight -= 1
        self._room.set()
        if done.cancelled():
            return
        answer = done.result()
        if isinstance(answer, SubmissionRefusal):
            self._refuse(answer, submission_id)
        elif isinstance(answer, DuplicateSubmission) and answer.seq <= position:
            self._cursor.put(answer.answer)

    def _refuse(self, refusal: SubmissionRefusal, submission_id: str) -> None:
        self._metrics.refusals.of(refusal.code).inc()
        self._cursor.put(refused_frame(refusal, submission_id))

    def _encode(self, frame: Frame) -> bytes:
        return codec.encode_msgpack(frame) if self._binary else codec.encode(frame)

    @property
    def _tick_s(self) -> float:
        return min(self._limits.heartbeat_s, self._limits.send_timeout_s) / 4

    def _tick(self) -> None:
        """Close a client that takes nothing for `send_timeout_s`; send a heartbeat if nothing was sent for `heartbeat_s`."""
        limits, now = self._limits, self._loop.time()
        if not self._sender.is_taking(now) and now - self._sender.taken_at >= limits.send_timeout_s:
            self.end(
                CloseReason(codes.CLOSE_TOO_SLOW, "nothing was read for too long; reconnect with the last position")
            )
            return
        if not self._sender.sending and now - self._sender.sent_at >= limits.heartbeat_s - self._tick_s:
            self._cursor.put(codec.encode(Heartbeat(seq=self._cursor.position)))
        self._timer = self._loop.call_later(self._tick_s, self._tick)
