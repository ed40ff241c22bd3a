"""Client check: follows what one client received, frame by frame, and notes what breaks the protocol's promises. Pure."""

from collections import Counter
from collections.abc import Callable

from msgspec import UNSET

from clients.session.frames import ProtocolFault, Unknown, read_frames
from clients.session.view import copy_of
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.view import View, apply, from_snapshot

Note = Callable[[str, str], None]
"""Takes the kind of a violation, and its message."""


class ClientCheck:
    """One client. `view` is what it shows; `seen` are the events it was shown, each with the number of its trace entry.

    `start`: the place in `seen` where it last began to read the whole session. `answers`: by submission id, all answers it got. `sent`: the ids that it sent. `times_sent`: how often all clients did.
    """

    def __init__(self, note: Note, times_sent: Counter[str]) -> None:
        self.view = View()
        self.epoch = ""
        self.seen: list[tuple[int, ev.Event]] = []
        self.answers: dict[str, list[ev.Accepted | Refused]] = {}
        self.sent: set[str] = set()
        self.start = 0
        self.complete = False
        self.first_model = ""
        self._note = note
        self._times_sent = times_sent
        self._asked: int | None = None
        self._phase = "away"
        self._exact = True
        self._entry = 0

    def opened(self, after: int | None, begin: View | None = None) -> None:
        """Its socket is open; it asked for the events after this position, or for a snapshot. `begin`: the view it has there."""
        if begin is not None:
            self.view = begin
        self._asked = after
        self._phase = "opened"
        self.complete = False
        if after == 0:
            self.view = View()
            self.start = len(self.seen)
        self._exact = after is None or after == self.view.seq

    def closed(self) -> None:
        """Its socket ended."""
        self._phase = "away"

    def forget(self) -> None:
        """The server's data were put back: what it answered and said since then may be gone."""
        self.seen.clear()
        self.start = 0
        self.answers.clear()
        self.sent.clear()

    def receive(self, data: str, entry: int, *, restored: bool) -> None:
        """One frame. `restored`: the server's data was put back, so a position may be one that is gone."""
        self._entry = entry
        try:
            for frame in read_frames(data, binary=False):
                self._take(frame, restored)
        except ProtocolFault as fault:
            self._note("torn", str(fault))

    def _take(self, frame: Frame | Unknown, restored: bool) -> None:
        if isinstance(frame, Ready):
            self._ready(frame, restored)
        elif isinstance(frame, Snapshot):
            self._snapshot(frame, restored)
        elif isinstance(frame, Synced):
            self._synced(frame)
        elif isinstance(frame, Refused):
            if isinstance(frame.id, str):
                self.answers.setdefault(frame.id, []).append(frame)
        elif isinstance(frame, Heartbeat):
            if self._phase == "live" and frame.seq != self.view.seq:
                self._note("lost", f"a heartbeat stands at {frame.seq}, the last event received was {self.view.seq}")
        elif isinstance(frame, Unknown):
            if frame.seq:
                self._advance(frame.first_seq or frame.seq, frame.seq)
                self.view.seq = max(self.view.seq, frame.seq)
        else:
            self._event(frame)

    def _need(self, phases: tuple[str, ...], frame: str) -> bool:
        if self._phase in phases:
            return True
        self._note("out_of_order", f"`{frame}` came where the socket was {self._phase}")
        return False

    def _ready(self, ready: Ready, restored: bool) -> None:
        if not self._need(("opened",), "ready"):
            return
        if ready.recovered:
            self._phase = "replayed"
            if self._asked is None:
                self._note("false_recovery", "`recovered` is true, and no position was asked for")
            elif ready.seq < self._asked:
                self._note("false_recovery", f"recovered {self._asked}, and the session stands at {ready.seq}")
        else:
            self._phase = "without a snapshot"
            if self._asked is not None and not restored:
                self._note("false_recovery", f"the position {self._asked} was not recovered, and nothing was lost")
        self.first_model = self.first_model or ready.model
        if self.view.seq == 0:
            self.view.model = ready.model
        self.epoch = ready.epoch

    def _snapshot(self, snapshot: Snapshot, restored: bool) -> None:
        if not self._need(("without a snapshot",), "snapshot"):
            return
        self._phase = "replayed"
        if not restored and snapshot.seq < self.view.seq:
            self._note("lost", f"the snapshot stands at {snapshot.seq}, events up to {self.view.seq} were seen before")
        self.view = copy_of(from_snapshot(snapshot))

    def _synced(self, synced: Synced) -> None:
        if not self._need(("replayed",), "synced"):
            return
        self._phase = "live"
        self.complete = self._exact = True
        if synced.seq != self.view.seq:
            self._note("lost", f"`synced` stands at {synced.seq}, the last event received was {self.view.seq}")

    def _event(self, event: ev.Event) -> None:
        if not self._need(("replayed", "live"), type(event).__name__):
            return
        if isinstance(event, ev.Accepted):
            self.answers.setdefault(event.submission_id, []).append(event)
            again = self._times_sent[event.submission_id] > 1
            if again and event.seq <= self.view.seq and event.submission_id in self.sent:
                return  # the first answer, given again to who sent the submission again
        self._advance(ev.first_seq(event), event.seq)
        if event.seq > self.view.seq:
            if self._exact:
                self._check_offset(event)
            self.seen.append((self._entry, event))
            apply(self.view, event)

    def _advance(self, first: int, last: int) -> None:
        at = self.view.seq
        if first > at + 1:
            self._note("lost", f"after {at} came {first}: {at + 1} to {first - 1} are missing")
        elif first <= at and (self._exact or last <= (self._asked or 0)):
            self._note("doubled", f"{first} to {last} came after {at}")

    def _check_offset(self, event: ev.Event) -> None:
        if not isinstance(event, ev.AssistantChunk):
            return
        shown = self.view.open_message
        text = ""
        if shown is not None and shown.message_id == event.message_id:
            text = shown.text if event.kind == "text" else shown.reasoning
        again = text[event.offset :]
        may_repeat = event.first_seq is not UNSET or (self._phase == "replayed" and self.view.seq == self._asked)
        # A merged chunk may begin before the client's position, and is cut there to its last: it says again what is there, and goes on.
        if event.offset > len(text) or (
            again and not (may_repeat and event.text.startswith(again) and event.text != again)
        ):
            self._note(
                "torn", f"event {event.seq} continues a text at {event.offset}; {len(text)} characters are there"
            )
