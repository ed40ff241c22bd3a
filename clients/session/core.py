"""Core of the session client: frames in, outcomes out; holds position, view and outbox. Pure: no I/O and no clock."""

import enum
import random
import uuid
from collections.abc import Iterator
from typing import Literal

import msgspec

from clients.session.address import socket_address
from clients.session.frames import ProtocolFault, Unknown, read_frames
from clients.session.outbox import Outbox
from clients.session.outcomes import Acked, CaughtUp, Connected, Fault, Outcome, Postponed, Rejected, Skipped, ViewReset
from clients.session.reconnect import DEFAULT_BACKOFF, Action, Backoff, after_close, after_denial
from clients.session.view import copy_of, last_answer
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.limits import Limits
from protocol.submissions import Submission
from protocol.view import View, apply, from_snapshot

Encoding = Literal["json", "msgpack"]

OUTBOX_MAX = 64
"""Submissions that may wait for their answer; below `limits.frames_burst`, since all are sent again at once."""

SILENCE_HEARTBEATS = 2.0
"""After this many heartbeats' time without a message the socket counts as dead."""


class Position(msgspec.Struct, frozen=True):
    """Where the view stands: it has everything up to `seq` of `epoch`. (anything, 0) is before the first event."""

    epoch: str
    seq: int


class Verdict(msgspec.Struct, frozen=True):
    """What to do now that there is no socket; `delay_s` matters for COME_BACK."""

    action: Action
    delay_s: float
    why: str
    close_code: int | None = None


class _Phase(enum.Enum):
    AWAY = enum.auto()
    OPENED = enum.auto()
    AWAITING_SNAPSHOT = enum.auto()
    CATCHING_UP = enum.auto()
    LIVE = enum.auto()
    FAULTY = enum.auto()


class SessionCore:
    """One client of one session, over as many sockets as it takes.

    The driver opens a socket to `address()`, says `opened`, gives every message to `receive`, sends what `data_to_send`
    gives, and after the socket's end asks `lost` (or `denied`, `unreachable`) what to do. `now` is monotonic, in seconds.
    A `position` to begin from needs the `view` that stands there; `Position("", 0)` asks for the whole journal.
    """

    def __init__(
        self,
        session_id: str | None = None,
        *,
        encoding: Encoding = "json",
        position: Position | None = None,
        view: View | None = None,
        outbox_max: int = OUTBOX_MAX,
        backoff: Backoff = DEFAULT_BACKOFF,
        rng: random.Random | None = None,
    ) -> None:
        self.session_id = session_id
        self.view = View() if view is None else view
        self.position = position
        if position is not None and position.seq != self.view.seq:
            raise ValueError(f"the view stands at {self.view.seq}, the position at {position.seq}")
        self.limits = Limits()
        self.model = ""
        self.demo = False
        self.cwd = ""
        self.epoch = "" if position is None else position.epoch
        self.head = 0
        self._binary = encoding == "msgpack"
        self._rng = random.Random() if rng is None else rng
        self._backoff = backoff
        self._outbox = Outbox(binary=self._binary, entries_max=outbox_max, backoff=backoff, rng=self._rng)
        self._phase = _Phase.AWAY
        self._sockets = 0
        self._replayed = 0
        self._failures = 0
        self._received_at = 0.0

    @property
    def live(self) -> bool:
        """Whether the view is up to date and submissions are sent at once."""
        return self._phase is _Phase.LIVE

    @property
    def unsettled(self) -> int:
        """Submissions that have no final answer yet."""
        return len(self._outbox)

    @property
    def deadline(self) -> float:
        """When the socket counts as dead if nothing more is received."""
        return self._received_at + SILENCE_HEARTBEATS * self.limits.heartbeat_s

    def address(self, base: str) -> str:
        """Where the next socket goes, under the server's `base_address`."""
        if self.position is None:
            return socket_address(base, self.session_id, "", None)
        return socket_address(base, self.session_id, self.position.epoch, self.position.seq)

    def opened(self, now: float) -> None:
        """A socket is open."""
        self._phase = _Phase.OPENED
        self._received_at = now

    def listening(self, now: float) -> None:
        """The driver reads again after a pause of its own making: the server's silence counts from here."""
        self._received_at = now

    def receive(self, data: bytes | str, now: float) -> list[Outcome]:
        """Take one websocket message. A `Fault` is the last outcome; what comes after it is not read."""
        return list(self.receive_each(data, now))

    def receive_each(self, data: bytes | str, now: float) -> Iterator[Outcome]:
        """The same one by one: the view stands at each outcome while it is looked at. To be read to its end."""
        if self._phase in (_Phase.AWAY, _Phase.FAULTY):
            return
        self._received_at = now
        try:
            for frame in read_frames(data, binary=self._binary):
                yield from self._take_unknown(frame) if isinstance(frame, Unknown) else self._take(frame, now)
        except ProtocolFault as fault:
            self._phase = _Phase.FAULTY
            yield Fault(str(fault))

    def submit(self, submission: Submission) -> str:
        """Take a submission, to be sent until it is answered; gives its id, made here where it has none.

        Raises `SubmissionRefused` for what the server would refuse unread, `OutboxFull`, and `ValueError` for an id in use.
        """
        if submission.id is msgspec.UNSET:
            submission = msgspec.structs.replace(submission, id=uuid.uuid4().hex)
        return self._outbox.add(submission, self.limits.inbound_message_bytes)

    def data_to_send(self, now: float) -> list[bytes]:
        """The frames that are due, each to be sent as one message."""
        return self._outbox.take_due(now) if self.live else []

    def next_send(self) -> float:
        """When `data_to_send` will have something; infinity if nothing is due before something else happens."""
        return self._outbox.next_due() if self.live else float("inf")

    def lost(self, code: int | None, reason: str) -> Verdict:
        """The socket ended, with this close code or without one."""
        why = f"closed with {code} {reason}".rstrip() if code is not None else reason or "the connection was cut"
        return self._ended(after_close(code), why, close_code=code)

    def denied(self, status: int, message: str, retry_after_s: float | None = None) -> Verdict:
        """The upgrade was refused."""
        return self._ended(after_denial(status), message, retry_after_s or 0.0)

    def unreachable(self, why: str) -> Verdict:
        """No socket could be opened."""
        return self._ended(Action.COME_BACK, why)

    def _ended(self, action: Action, why: str, at_least_s: float = 0.0, close_code: int | None = None) -> Verdict:
        self._phase = _Phase.AWAY
        self._outbox.resend()
        delay = self._backoff.delay(self._failures, self._rng)
        self._failures += 1
        # A server that names a time names it to everybody: the jitter comes on top.
        return Verdict(action, at_least_s + delay, why, close_code)

    def _take(self, frame: Frame, now: float) -> Iterator[Outcome]:
        match frame:
            case Ready():
                yield self._ready(frame)
            case Snapshot():
                self._need(_Phase.AWAITING_SNAPSHOT, "snapshot")
                self.view, self.position = from_snapshot(frame), None
                self._phase = _Phase.CATCHING_UP
                yield ViewReset(copy_of(self.view), frame.omitted_messages)
            case Synced():
                self._need(_Phase.CATCHING_UP, "synced")
                yield self._synced(frame)
            case Heartbeat():
                if self.live:
                    self._failures = 0
                    if frame.seq > self.view.seq:
                        raise ProtocolFault(f"a heartbeat stands at {frame.seq}, the last event was {self.view.seq}")
            case Refused():
                yield self._refused(frame, now)
            case _:
                yield from self._event(frame)

    def _need(self, phase: _Phase, frame: str) -> None:
        if self._phase is not phase:
            raise ProtocolFault(f"`{frame}` came out of order ({self._phase.name.lower()})")

    def _ready(self, ready: Ready) -> Connected:
        self._need(_Phase.OPENED, "ready")
        if self.session_id not in (None, ready.session_id):
            raise ProtocolFault(f"asked for the session {self.session_id}, got {ready.session_id}")
        if ready.recovered:
            self._check_recovered(ready)
        self.session_id, self.limits = ready.session_id, ready.limits
        self.model, self.demo = ready.model, ready.demo
        self.cwd = "" if isinstance(ready.cwd, msgspec.UnsetType) else ready.cwd
        if ready.recovered and self.view.seq == 0:
            self.view.model = ready.model
        self.epoch, self.head = ready.epoch, ready.seq
        self._replayed = 0
        self._phase = _Phase.CATCHING_UP if ready.recovered else _Phase.AWAITING_SNAPSHOT
        self._sockets += 1
        return Connected(
            session_id=ready.session_id,
            recovered=ready.recovered,
            again=self._sockets > 1,
            state=ready.state,
            model=ready.model,
            demo=ready.demo,
            server=ready.server,
        )

    def _check_recovered(self, ready: Ready) -> None:
        """Events heard on a socket that ended before `synced` are past the position, and are good in their own epoch alone."""
        position, self.position = self.position, None
        if position is None:
            raise ProtocolFault("the server recovered a position it was not told")
        if ready.seq < position.seq:
            raise ProtocolFault(f"the server recovered {position.seq} and stands at {ready.seq}")
        if self.view.seq != position.seq and self.epoch != ready.epoch:
            raise ProtocolFault("events heard before the last cut belong to a past that is gone")
        self.position = position

    def _synced(self, synced: Synced) -> CaughtUp:
        if synced.seq != self.view.seq:
            self.position = None
            raise ProtocolFault(f"`synced` stands at {synced.seq}, the last event was {self.view.seq}")
        self.position = Position(self.epoch, synced.seq)
        self._phase = _Phase.LIVE
        return CaughtUp(epoch=self.epoch, seq=synced.seq, replayed=self._replayed)

    def _refused(self, refused: Refused, now: float) -> Rejected | Postponed:
        submission_id = "" if refused.id is msgspec.UNSET else refused.id
        if submission_id in self._outbox:
            delay = self._outbox.refused(submission_id, refused.code, refused.retryable, now)
            if delay is not None:
                return Postponed(submission_id, refused.code, refused.message, delay)
        return Rejected(submission_id, refused.code, refused.message, refused.retryable)

    def _event(self, event: ev.Event) -> Iterator[Outcome]:
        new = self._advance(ev.first_seq(event), event.seq)
        if new:
            apply(self.view, event)
            self._commit()
            if isinstance(event, ev.TurnComplete) and not event.final_response:
                event = msgspec.structs.replace(event, final_response=last_answer(self.view))
            yield event
        if isinstance(event, ev.Accepted) and self._outbox.settle(event.submission_id):
            yield Acked(event.submission_id, event)

    def _take_unknown(self, unknown: Unknown) -> Iterator[Outcome]:
        if unknown.seq and self._advance(unknown.first_seq or unknown.seq, unknown.seq):
            self.view.seq = unknown.seq
            self._commit()
        yield Skipped(unknown.type, unknown.seq)

    def _advance(self, first_seq: int, seq: int) -> bool:
        """Whether the event is new. Raises `ProtocolFault` at a gap."""
        if self._phase not in (_Phase.LIVE, _Phase.CATCHING_UP):
            raise ProtocolFault(f"an event came out of order ({self._phase.name.lower()})")
        if first_seq > self.view.seq + 1:
            raise ProtocolFault(f"events are missing: {self.view.seq + 1} to {first_seq - 1}")
        return seq > self.view.seq

    def _commit(self) -> None:
        if self.live:
            self.position = Position(self.epoch, self.view.seq)
            self._failures = 0
        else:
            self._replayed += 1
