"""One socket: a cursor into a session's log and a mouth for submissions. Owns its read and write task; both end together."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec
from starlette.types import Message, Receive, Send

from agent.session.messages import SubmissionRefusal
from agent.util.errors import log_fault
from agent.util.tasks import TaskOwner
from protocol import codec, codes
from protocol.content import AccessLevel
from protocol.frames import Frame, Heartbeat, Ready, Synced
from protocol.limits import Limits
from protocol.submissions import Submission
from protocol.view import to_snapshot
from server import __version__
from server.config.sockets import SocketSettings
from server.journal.base import Journal, JournalError
from server.sessions.actor import SessionActor
from server.sessions.broadcaster import Ending
from server.sessions.idempotency import refused_frame
from server.sessions.inbox import Answer, DuplicateSubmission
from server.sessions.replay import replay
from server.telemetry.metrics import Metrics
from server.transport.websocket import SocketTransport
from server.util.rate_limit import TokenBucket
from server.websocket.handshake import Encoding, Position

log = logging.getLogger("holdfast.connection")

IN_FLIGHT_MAX = 16
"""Submissions of one socket that may wait for their answer; then it is not read until one has it."""

CLOSE_UNSAID = 1006
"""What is reported of a socket that ended without a close frame (RFC 6455, 7.4.1); it is never sent."""

REASON_BYTES_MAX = 123
"""What a close frame has room for (RFC 6455, 5.5)."""


OUTBOUND_BATCH_BYTES = 65_536
"""Frames are sent together in one message up to this size: a replay needs few messages, and none holds up a heartbeat."""

SERVER = f"holdfast/{__version__}"
"""What `ready` calls this server."""


class Connection:
    """A socket bound to an awake session. `run` ends when the client left, or after the close frame was sent."""

    def __init__(
        self,
        actor: SessionActor,
        standing: AccessLevel,
        refuses: Callable[[Submission], SubmissionRefusal | None],
        journal: Journal,
        encoding: Encoding,
        limits: Limits,
        settings: SocketSettings,
        is_demo: Callable[[str], bool],
        metrics: Metrics,
        receive: Receive,
        send: Send,
        transport: SocketTransport,
    ) -> None:
        self._actor = actor
        self._standing = standing
        self._refuses = refuses
        self._journal = journal
        self._encoding = encoding
        self._binary = encoding.kind == "msgpack"
        self._limits = limits
        self._close_grace_s = settings.close_grace_s
        self._is_demo = is_demo
        self._metrics = metrics
        self._receive = receive
        self._raw_send = send
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._frames = TokenBucket(limits.frames_per_s, limits.frames_burst)
        self._bad_frames = TokenBucket(limits.bad_frames_per_minute / 60, limits.bad_frames_per_minute)
        self._outbox: deque[bytes] = deque()
        self._in_flight = 0
        self._room = asyncio.Event()
        self._cursor = actor.broadcaster.follow(actor.broadcaster.head)
        self._said_at = self._taken_at = self._loop.time()
        self._sending = False
        self._sent_bytes = self._taken_bytes = 0
        self.frames_in = self.frames_out = 0
        self.closed_with = CLOSE_UNSAID
        self._told_to_end: asyncio.Future[Ending | None] = self._loop.create_future()
        self._timer = self._loop.call_later(self._tick_s, self._tick)

    async def run(self, position: Position | None) -> None:
        """Accept, bring the client up to date, then serve it until one side ends."""
        tasks = TaskOwner(f"socket/{self._actor.session_id}")
        ending: Ending | None = Ending(codes.CLOSE_FAULT, "a fault of the server; reconnect")
        try:
            await self._raw_send({"type": "websocket.accept", "subprotocol": self._encoding.subprotocol})
            both = [tasks.start(self._write(position), "write"), tasks.start(self._read(), "read")]
            done, _ = await asyncio.wait([*both, self._told_to_end], return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            error = None if first.cancelled() else first.exception()
            if error is not None:
                said = log_fault(log, error, "session %s: its socket failed", self._actor.session_id)
                ending = Ending(codes.CLOSE_FAULT, said)
            elif not first.cancelled():
                ending = first.result()
        except OSError:
            ending = None  # the client left before it was let in
        finally:
            self._timer.cancel()
            self._cursor.detach()
            await tasks.aclose()
            await self._close(ending)

    def end(self, ending: Ending) -> None:
        """End it from outside, whatever it is doing; the peer is told why behind what it was sent already."""
        if not self._told_to_end.done():
            self._told_to_end.set_result(ending)

    async def _close(self, ending: Ending | None) -> None:
        """Every ending of a socket: say why, if the client is still there, and never wait for one that does not read."""
        if ending is None:
            return
        self.closed_with = ending.code
        reason = str(ending).encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        if self._told_to_end.done():
            self._transport.close(ending.code, reason)
            return
        try:
            async with asyncio.timeout(self._close_grace_s):
                await self._raw_send({"type": "websocket.close", "code": ending.code, "reason": reason})
        except TimeoutError:
            self._transport.abort()
        except (OSError, RuntimeError):
            log.debug("session %s: the client left before it could be told why", self._actor.session_id)

    async def _write(self, position: Position | None) -> Ending | None:
        try:
            await self._hello(position)
            while True:
                while self._cursor.notices:
                    self._say(self._cursor.notices.popleft())
                said = [*self._outbox]
                self._outbox.clear()
                if said:
                    await self._send(said)
                events = await self._cursor.next(OUTBOUND_BATCH_BYTES)
                if events:
                    await self._send([e.packed for e in events] if self._binary else [e.data for e in events])
                elif not said and not self._outbox:
                    await self._cursor.wait()
        except Ending as ending:
            return ending
        except JournalError as error:
            return Ending(codes.CLOSE_FAULT, f"the journal cannot be read: {error}")
        except OSError:
            return None

    async def _hello(self, position: Position | None) -> None:
        """`ready`, then what was missed or the whole view, then `synced`."""
        actor, broadcaster = self._actor, self._actor.broadcaster
        recovered = position is not None and await self._journal.good_position(
            actor.session_id, position.epoch, position.seq
        )
        if not recovered:
            while not actor.durable:
                self._cursor.check()
                await self._cursor.wait()
        self._metrics.connects.of("replay" if recovered else "snapshot" if position is None else "gap").inc()
        mark = broadcaster.head
        missed_after = self._cursor.position = position.seq if recovered and position is not None else mark
        ready = Ready(
            session_id=actor.session_id,
            epoch=self._journal.epoch,
            seq=mark,
            recovered=recovered,
            state=actor.row.state,  # type: ignore[arg-type]  # the journal stores a SessionStatus
            model=actor.row.model,
            demo=self._is_demo(actor.row.model),
            limits=self._limits,
            server=SERVER,
            access=self._standing,
        )
        if recovered:
            await self._send([self._encode(ready)])
            past = replay(self._journal, actor.session_id, self._cursor.position, mark, OUTBOUND_BATCH_BYTES)
            async for batch in past:
                await self._send([codec.to_msgpack(r.data) for r in batch] if self._binary else [r.data for r in batch])
                self._cursor.position = batch[-1].seq
            self._metrics.replays.observe(mark - missed_after)
        else:
            snapshot = self._snapshot()  # of this moment: the state moves on while `ready` is sent
            await self._send([self._encode(ready)])
            await self._send([snapshot])
        await self._send([self._encode(Synced(seq=self._cursor.position))])

    def _snapshot(self) -> bytes:
        view = self._actor.state.view
        most, omit = self._limits.outbound_frame_bytes, 0
        data = self._encode(to_snapshot(view))
        while len(data) > most and omit < len(view.messages):
            omit += max(1, (len(view.messages) - omit) // 2)
            data = self._encode(to_snapshot(view, omit))
        return data

    async def _read(self) -> Ending | None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.closed_with = message.get("code") or CLOSE_UNSAID
                return None
            try:
                frames = self._split(message)
            except codec.FrameError as error:
                if not self._bad(error):
                    return Ending(codes.CLOSE_TOO_MANY, "too many bad frames")
                continue
            self.frames_in += len(frames)
            for frame in frames:
                if not self._frames.take(self._loop.time()):
                    return Ending(codes.CLOSE_TOO_MANY, "too many frames; send fewer")
                try:
                    submission = self._decode(frame)
                except codec.FrameError as error:
                    if not self._bad(error):
                        return Ending(codes.CLOSE_TOO_MANY, "too many bad frames")
                    continue
                if submission is not None:
                    await self._submit(submission)

    def _split(self, message: Message) -> list[str] | list[bytes]:
        text, data = message.get("text"), message.get("bytes")
        if self._binary:
            if data is None:
                raise codec.FrameError(codes.BAD_FRAME, "a text message on a MessagePack socket; send binary ones")
            return list(codec.split_msgpack(data, codec.MAX_FRAMES_A_MESSAGE))
        if text is None:
            raise codec.FrameError(codes.BAD_FRAME, "a binary message on a JSON socket; send text ones")
        if self._encoding.subprotocol is None and not text.startswith("{"):
            return [text] if text else []
        return list(codec.split_json(text, codec.MAX_FRAMES_A_MESSAGE))

    def _decode(self, frame: str | bytes) -> Submission | None:
        if isinstance(frame, str) and self._encoding.subprotocol is None and not frame.startswith("{"):
            return codec.by_hand(frame)
        return codec.decode_submission(frame, binary=self._binary)

    def _bad(self, error: codec.FrameError) -> bool:
        """Refuse a bad frame; False if it is one too many."""
        self._refuse(SubmissionRefusal(error.code, str(error)), error.id)
        return self._bad_frames.take(self._loop.time())

    async def _submit(self, submission: Submission) -> None:
        asked_id = "" if submission.id is msgspec.UNSET else submission.id
        answer = self._refuses(submission) or self._actor.submit(submission)
        if isinstance(answer, SubmissionRefusal):
            self._refuse(answer, asked_id)
            return
        self._in_flight += 1
        answer.add_done_callback(lambda done: self._answered(done, asked_id))
        while self._in_flight >= IN_FLIGHT_MAX:
            self._room.clear()
            await self._room.wait()

    def _answered(self, done: "asyncio.Future[Answer]", asked_id: str) -> None:
        self._in_flight -= 1
        self._room.set()
        if done.cancelled():
            return
        answer = done.result()
        if isinstance(answer, SubmissionRefusal):
            self._refuse(answer, asked_id)
        elif isinstance(answer, DuplicateSubmission) and answer.seq <= self._cursor.position:
            self._say(answer.answer)

    def _refuse(self, refusal: SubmissionRefusal, asked_id: str) -> None:
        self._metrics.refusals.of(refusal.code).inc()
        self._say(refused_frame(refusal, asked_id))

    def _say(self, frame: bytes) -> None:
        """Put a frame about this socket in line; at most as many wait as submissions are in flight."""
        self._outbox.append(codec.to_msgpack(frame) if self._binary else frame)
        self._cursor.wake()

    def _encode(self, frame: Frame) -> bytes:
        return codec.encode_msgpack(frame) if self._binary else codec.encode(frame)

    async def _send(self, frames: list[bytes]) -> None:
        """All of these in one message. A single one is not copied: what many sockets wait to send is there once."""
        data = frames[0] if len(frames) == 1 else (b"" if self._binary else b"\n").join(frames)
        self._sending = True
        began = self._loop.time()
        await self._transport.write(data, text=not self._binary)
        self._sending = False
        self._sent_bytes += len(data)
        self.frames_out += len(frames)
        self._said_at = self._loop.time()
        self._metrics.send_s.observe(self._said_at - began)

    @property
    def _tick_s(self) -> float:
        return min(self._limits.heartbeat_s, self._limits.send_timeout_s) / 4

    def _tick(self) -> None:
        """A few times in every bound: free a client that takes nothing, say something to one that hears nothing."""
        limits, now = self._limits, self._loop.time()
        if not self._is_taking(now) and now - self._taken_at >= limits.send_timeout_s:
            self.end(Ending(codes.CLOSE_TOO_SLOW, "nothing was read for too long; reconnect with the last position"))
            return
        if not self._sending and now - self._said_at >= limits.heartbeat_s - self._tick_s:
            self._say(codec.encode(Heartbeat(seq=self._cursor.position)))
        self._timer = self._loop.call_later(self._tick_s, self._tick)

    def _is_taking(self, now: float) -> bool:
        """Whether the client has all it was sent, or has taken some of it since the last look."""
        unsent = self._transport.unsent()
        taken = self._sent_bytes - unsent
        if unsent and taken <= self._taken_bytes:
            return False
        self._taken_bytes, self._taken_at = taken, now
        return True
