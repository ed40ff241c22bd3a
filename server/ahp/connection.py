"""Connection: one websocket of a client of the protocol. A read task answers calls, a write task sends answers and actions."""

import asyncio
import logging
from collections import deque

from starlette.types import Receive, Send

from agent.session.messages import SubmissionRefusal
from agent.util.errors import log_fault
from agent.util.signal import Signal
from agent.util.tasks import TaskOwner
from protocol import codes
from protocol.codes import CloseReason
from protocol.events import Accepted
from server.ahp import rpc
from server.ahp.addresses import ROOT, session_uri
from server.ahp.commands import Commands, Host, envelope
from server.ahp.followed import FollowedSession, Step
from server.ahp.questions import keep_draft
from server.ahp.requests import ECHOED, key_of, submissions_of
from server.ahp.rpc import Call, Message, RpcError, text_of
from server.auth.principal import Principal
from server.journal.base import Deleted, JournalError, NotFound
from server.sessions.errors import SessionNotFound
from server.sessions.ports.broadcaster import TailEvent
from server.transport.websocket import CLOSE_GRACE_S, SocketTransport
from server.util.rate_limit import TokenBucket
from server.websocket.connection import ANSWERS_BYTES_MAX, CLOSE_ABNORMAL, REASON_BYTES_MAX
from server.websocket.policy import SMALL_BYTES
from server.websocket.reader import TOO_MANY, TOO_MANY_BAD

log = logging.getLogger("holdfast.ahp")

READ_BYTES = 65_536
ORIGINS_MAX = 256
"""Actions of the client for which the session's answer may be awaited; the oldest is forgotten, and comes back without its origin."""
TOLD_AFTER = ("chat/turnStarted", "chat/turnComplete", "chat/turnCancelled", "chat/error", "session/titleChanged")
TOLD_ALSO = ("session/inputNeededSet", "session/inputNeededRemoved")
"""Actions after which lists of sessions show something else."""


class AhpConnection:
    """A websocket. `run` returns when it has ended; `closed_with` is then its close code."""

    def __init__(
        self,
        host: Host,
        principal: Principal,
        receive: Receive,
        send: Send,
        transport: SocketTransport,
    ) -> None:
        limits = self._limits = host.admission.limits
        self._receive, self._send, self._transport = receive, send, transport
        self._commands = Commands(host, principal, self._read_from_now_on)
        self._policy = host.admission.policy(principal, "owner")
        self._out: deque[bytes] = deque()
        self._changed, self._room = Signal(), Signal()
        self._idle = False
        self._origins: dict[str, int] = {}
        self._frames = TokenBucket(limits.frames_per_s, limits.frames_burst)
        self._bad_frames = TokenBucket(limits.bad_frames_per_minute / 60, limits.bad_frames_per_minute)
        self._loop = asyncio.get_running_loop()
        self._end_reason: asyncio.Future[CloseReason | None] = self._loop.create_future()
        self._taken_bytes, self._taken_at = 0, self._loop.time()
        self._timer = self._loop.call_later(limits.send_timeout_s / 4, self._tick)
        self.closed_with = CLOSE_ABNORMAL

    async def run(self, subprotocol: str | None) -> None:
        """Accept the upgrade, and serve the client until one side ends."""
        tasks = TaskOwner("ahp")
        reason: CloseReason | None = CloseReason(codes.CLOSE_FAULT, "a fault of the server; reconnect")
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
            both = [tasks.start(self._write(), "write"), tasks.start(self._read(), "read")]
            done, _ = await asyncio.wait([*both, self._end_reason], return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            error = None if first.cancelled() else first.exception()
            if error is not None:
                reason = CloseReason(codes.CLOSE_FAULT, log_fault(log, error, "a socket of an AHP client failed"))
            elif not first.cancelled():
                reason = first.result()
        except OSError:
            reason = None  # the client left before the upgrade was accepted
        finally:
            self._timer.cancel()
            await tasks.aclose()
            await self._commands.aclose()
            await self._close(reason)

    def end(self, reason: CloseReason) -> None:
        """End the connection, whatever it is doing."""
        if not self._end_reason.done():
            self._end_reason.set_result(reason)

    def tell(self, method: str, params: Message) -> None:
        """Send a notification, if the client has said who it is."""
        if self._commands.client_id:
            self._put(rpc.notification(method, params))

    async def _close(self, reason: CloseReason | None) -> None:
        if reason is None:
            close = self._transport.close_received
            self.closed_with = close[0] if close is not None else self.closed_with
            return
        self.closed_with = reason.code
        text = reason.text.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        if self._end_reason.done():
            self._transport.close(reason.code, text)
            return
        try:
            async with asyncio.timeout(CLOSE_GRACE_S):
                await self._send({"type": "websocket.close", "code": reason.code, "reason": text})
        except (TimeoutError, OSError):
            self._transport.abort()

    # Reading: one call after the other.

    async def _read(self) -> CloseReason | None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.closed_with = message.get("code") or CLOSE_ABNORMAL
                return None
            data = message.get("text") or message.get("bytes") or b""
            if not self._frames.take(self._loop.time()):
                return TOO_MANY
            call = await self._paced(data) if len(data) > SMALL_BYTES else self._decoded(data)
            if isinstance(call, CloseReason):
                return call
            if call is not None:
                await self._answer(call)
            while sum(map(len, self._out)) > ANSWERS_BYTES_MAX:
                self._room.clear()
                await self._room.wait()

    async def _paced(self, data: str | bytes) -> Call | CloseReason | None:
        """Decode a large message when it is its user's turn."""
        delay_s = self._policy.delay_s(len(data))
        if delay_s:
            await asyncio.sleep(delay_s)
        async with self._policy.turn:
            return self._decoded(data)

    def _decoded(self, data: str | bytes) -> Call | CloseReason | None:
        """The call; None: it is none, which the client was told; the reason to end where that was too often."""
        try:
            return rpc.read_call(data)
        except RpcError as error:
            self._put(rpc.failure(None, error))
            return None if self._bad_frames.take(self._loop.time()) else TOO_MANY_BAD

    async def _answer(self, call: Call) -> None:
        if call.id is None:
            await self._notified(call)
            return
        try:
            self._put(rpc.result(call.id, await self._commands.answer(call.method, call.params)))
        except RpcError as error:
            self._put(rpc.failure(call.id, error))

    async def _notified(self, call: Call) -> None:
        try:
            if call.method == "unsubscribe":
                await self._commands.unsubscribe(call.params)
            elif call.method == "dispatchAction":
                await self._dispatch(call.params)
        except (RpcError, SessionNotFound, JournalError) as error:
            log.info("a notification of an AHP client could not be taken: %s", error)

    async def _dispatch(self, params: Message) -> None:
        """Hand in what an action asks for. Raises `RpcError` if it is none."""
        channel, action, number = text_of(params, "channel"), params.get("action"), params.get("clientSeq")
        if not isinstance(action, dict) or not isinstance(action.get("type"), str) or not isinstance(number, int):
            raise RpcError(rpc.INVALID_PARAMS, "`action` must be an action, `clientSeq` a number")
        if channel == ROOT:
            return  # the settings of the editor, which are none of this server's
        every = self._commands.followed.values()
        one = next((each for each in every if channel in (each.uri, each.chat_uri)), None)
        try:
            if one is None:
                raise RpcError(rpc.NOT_FOUND, "subscribe to the channel first")
            await self._submit(one, channel, action, number)
        except RpcError as error:
            self._return(channel, action, number, str(error))

    async def _submit(self, one: FollowedSession, channel: str, action: Message, number: int) -> None:
        submissions = submissions_of(action, one.talk, one.drafts)
        if action["type"] in ECHOED:
            self._keep(one, action)
        if not submissions:
            self._return(channel, action, number)
            return
        key = f"{one.uri} {key_of(action)}"
        self._origins[key] = number
        while len(self._origins) > ORIGINS_MAX:
            del self._origins[next(iter(self._origins))]
        for submission in submissions:
            waiting = one.policy.refuse(submission) or await one.port.submit(submission, one.policy.share_id, self)
            answer = waiting if isinstance(waiting, SubmissionRefusal) else await waiting
            if not isinstance(answer, Accepted):
                self._origins.pop(key, None)
                why = answer.message if isinstance(answer, SubmissionRefusal) else "it was taken before"
                self._return(channel, action, number, why)
                return
        if action["type"] == "chat/turnStarted" and not one.talk.state.turns:
            await self._commands.announce(one)

    def _keep(self, one: FollowedSession, action: Message) -> None:
        """Keep what concerns this client alone, for as long as it is connected."""
        match action["type"]:
            case "session/activeClientSet" if isinstance(action.get("activeClient"), dict):
                one.clients[:] = [action["activeClient"]]
            case "session/activeClientRemoved":
                one.clients.clear()
            case "chat/inputAnswerChanged":
                keep_draft(one.drafts, one.talk.state.needed, action)

    def _return(self, channel: str, action: Message, number: int, rejection: str = "") -> None:
        """Send the client its action back: taken, or rejected, so that it takes it back."""
        origin = {"clientId": self._commands.client_id, "clientSeq": number}
        params = envelope(channel, action, self._commands.total, origin)
        if rejection:
            params["rejectionReason"] = rejection
        self._put(rpc.notification("action", params))

    # Writing: what was put, and then what the sessions have.

    def _put(self, frame: bytes) -> None:
        self._out.append(frame)
        self._changed.set()

    def _read_from_now_on(self, one: FollowedSession) -> None:
        one.cursor.take_at_once = lambda: self._take_at_once(one)
        self._changed.set()

    def _take_at_once(self, one: FollowedSession) -> bool:
        """Send what is new without the write task, if nothing else waits. True: nobody waits for the cursor."""
        events = one.cursor.in_memory(READ_BYTES) if self._idle and not self._out else None
        if not events:
            self._changed.set()
            return True
        frames = self._frames_of(one, events)
        for number, frame in enumerate(frames):
            if not self._transport.write_now(frame, text=True):
                self._out.extend(frames[number:])
                self._changed.set()
                break
        if one.cursor.close_reason is not None:
            self._changed.set()
        return True

    async def _write(self) -> CloseReason | None:
        try:
            while True:
                if not self._out:
                    reason = await self._fill()
                    if reason is not None:
                        return reason
                if not self._out:
                    self._idle = True
                    await self._changed.wait()
                    self._idle = False
                    self._changed.clear()
                while self._out:
                    await self._transport.write(self._out.popleft(), text=True)
                    self._room.set()
        except JournalError as error:
            return CloseReason(codes.CLOSE_FAULT, f"the journal cannot be read: {error}")
        except OSError:
            return None

    async def _fill(self) -> CloseReason | None:
        """Put what the sessions have; the reason to close if the server stops."""
        for one in [*self._commands.followed.values()]:
            if not one.live:
                continue
            cursor = one.cursor
            try:
                events = cursor.in_memory(READ_BYTES)
                if events is None:
                    events = await one.port.broadcaster.read_after(cursor.position, READ_BYTES)
            except (Deleted, NotFound):
                await self._deleted(one)
                continue
            if events:
                self._out.extend(self._frames_of(one, events))
            elif cursor.close_reason is not None:
                if cursor.close_reason.code == codes.CLOSE_DELETED:
                    await self._deleted(one)
                elif cursor.close_reason.code == codes.CLOSE_GOODBYE:
                    one.live = False  # it has all there will be, and may go on to read it
                else:
                    return cursor.close_reason
        return None

    async def _deleted(self, one: FollowedSession) -> None:
        await self._commands.leave(one)
        if one.uri != self._commands.disposed:  # of that all clients of the user are told
            self.tell("root/sessionRemoved", {"channel": ROOT, "session": session_uri(one.port.session_id)})

    def _frames_of(self, one: FollowedSession, events: list[TailEvent]) -> list[bytes]:
        """The frames for events, which the cursor is past then."""
        rest = self._commands.total - one.place
        steps = one.fold(events)
        one.cursor.advance(events[-1].seq)
        frames = [frame for step in steps if (frame := self._frame(one, step, rest)) is not None]
        kinds = {step.action.body["type"] for step in steps}
        if not kinds.isdisjoint(TOLD_AFTER + TOLD_ALSO):
            frames.append(rpc.notification("root/sessionSummaryChanged", one.summary_changed()))
        return frames

    def _frame(self, one: FollowedSession, step: Step, rest: int) -> bytes | None:
        channel = one.channel_of(step.action)
        if channel not in one.channels:
            return None
        body = step.action.body
        number = self._origins.pop(f"{one.uri} {key_of(body)}", None) if self._origins else None
        origin = None if number is None else {"clientId": self._commands.client_id, "clientSeq": number}
        return rpc.notification("action", envelope(channel, body, rest + step.place, origin))

    def _tick(self) -> None:
        """Close a client that takes nothing for `send_timeout_s`."""
        now, unsent = self._loop.time(), self._transport.unsent()
        taken = self._transport.sent_bytes - unsent
        if not unsent or taken > self._taken_bytes:
            self._taken_bytes, self._taken_at = taken, now
        elif now - self._taken_at >= self._limits.send_timeout_s:
            self.end(CloseReason(codes.CLOSE_TOO_SLOW, "nothing was read for too long; reconnect with your serverSeq"))
            return
        self._timer = self._loop.call_later(self._limits.send_timeout_s / 4, self._tick)
