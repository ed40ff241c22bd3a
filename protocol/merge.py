"""Merging: adjacent text events of one message become one event, for replay and for the journal after a turn."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from protocol import events as ev

WHOLE_MESSAGES = b'{"type":"assistant_message"'
TEXT_EVENTS = (b'{"type":"assistant_chunk"', WHOLE_MESSAGES, b'{"type":"tool_log"')
"""How the JSON of an event that can be merged begins; and that of a message, with which its chunks end."""


TextEvent: TypeAlias = ev.AssistantChunk | ev.ToolLog


class _TextRun:
    """Adjacent pieces of one text, put together at the end: at each piece, all that came before would be copied anew."""

    def __init__(self, first: TextEvent) -> None:
        self.last = first
        self.first_seq = ev.first_seq(first)
        self._offset = first.offset
        self._texts = [first.text]
        self._length = len(first.text)

    def add(self, piece: TextEvent) -> None:
        """One more; it replaces what was held from its offset on."""
        kept = max(0, piece.offset - self._offset)
        if kept < self._length:
            self._texts = ["".join(self._texts)[:kept]]
            self._length = kept
        self._texts.append(piece.text)
        self._length += len(piece.text)
        self._offset = min(self._offset, piece.offset)
        self.last = piece

    def whole(self) -> TextEvent:
        """As one event."""
        if len(self._texts) == 1:
            return self.last
        text = "".join(self._texts)
        return msgspec.structs.replace(self.last, first_seq=self.first_seq, offset=self._offset, text=text)


class Merger:
    """Takes events in order and gives them back in order, merged where they can be. What `push` holds back, `flush` gives.

    Two chunks of one message and kind, or two logs of one call, become one; chunks and the whole message that ends them
    become the message, which holds their text already.
    """

    def __init__(self) -> None:
        self._held: list[_TextRun] = []

    def push(self, event: ev.Event) -> list[ev.Event]:
        """Take one event; give what is complete."""
        if isinstance(event, (ev.AssistantChunk, ev.ToolLog)):
            return self._take(event)
        if isinstance(event, ev.AssistantMessageEvent):
            event = self._absorb(event)
        return [*self.flush(), event]

    def _take(self, piece: TextEvent) -> list[ev.Event]:
        last = self._held[-1].last if self._held else None
        if not _have_one_source(last, piece):
            ready, self._held = self.flush(), [_TextRun(piece)]
            return ready
        if _kind(last) == _kind(piece):
            self._held[-1].add(piece)
        else:
            self._held.append(_TextRun(piece))
        return []

    def flush(self) -> list[ev.Event]:
        """Give what is held back."""
        ready, self._held = self._held, []
        return [run.whole() for run in ready]

    def _absorb(self, event: ev.AssistantMessageEvent) -> ev.AssistantMessageEvent:
        begins = event.seq
        while self._held:
            run = self._held[-1]
            if not isinstance(run.last, ev.AssistantChunk) or run.last.message_id != event.message_id:
                break
            begins = run.first_seq
            self._held.pop()
        return event if begins == event.seq else msgspec.structs.replace(event, first_seq=begins)


def _have_one_source(last: TextEvent | None, piece: TextEvent) -> bool:
    """Whether both are of one message, or of one call."""
    if isinstance(piece, ev.AssistantChunk):
        return isinstance(last, ev.AssistantChunk) and last.message_id == piece.message_id
    return isinstance(last, ev.ToolLog) and last.tool_call_id == piece.tool_call_id


def _kind(piece: TextEvent | None) -> str:
    return piece.kind if isinstance(piece, ev.AssistantChunk) else ""


def after(event: ev.Event, position: int) -> ev.Event:
    """The event for a client that has everything up to `position`: it begins after that."""
    if event.first_seq is UNSET or event.first_seq > position:
        return event
    begins = position + 1
    return msgspec.structs.replace(event, first_seq=begins if begins < event.seq else UNSET)


class TextRun(msgspec.Struct, frozen=True):
    """Adjacent text events `first_seq` to `seq`, of one message or one call. `message`: the whole message with which they end, which
    stands for all of them; None if they are to be read and merged."""

    first_seq: int
    seq: int
    message: ev.AssistantMessageEvent | None = None


class TextRuns:
    """The runs of one session since they were last taken: noted as its events are stored, so that these need not be read again to be
    merged. What is merged is as the `Merger` says."""

    __slots__ = ("_begins", "_call_id", "_ends", "_message_id", "_runs")

    def __init__(self) -> None:
        self._runs: list[TextRun] = []
        self._message_id: str | None = None
        self._call_id: str | None = None
        """Of which message or call the run is that may go on."""
        self._begins = self._ends = 0

    def note(self, events: Sequence[ev.Event]) -> None:
        """These events are stored, in this order. No run goes on behind a hole: what was stored in it is not known here."""
        for event in events:
            goes_on = event.seq == self._ends + 1
            if isinstance(event, ev.AssistantChunk):
                if not goes_on or event.message_id != self._message_id:
                    self._begin(event.seq)
                    self._message_id = event.message_id
                self._ends = event.seq
            elif isinstance(event, ev.ToolLog):
                if not goes_on or event.tool_call_id != self._call_id:
                    self._begin(event.seq)
                    self._call_id = event.tool_call_id
                self._ends = event.seq
            elif goes_on and isinstance(event, ev.AssistantMessageEvent) and event.message_id == self._message_id:
                self._message_id = None
                whole = msgspec.structs.replace(event, first_seq=self._begins)
                self._runs.append(TextRun(self._begins, event.seq, whole))
            else:
                self._end()

    def take(self) -> list[TextRun]:
        """The runs that are complete, of at least two events each."""
        self._end()
        runs, self._runs = self._runs, []
        return runs

    def _begin(self, seq: int) -> None:
        self._end()
        self._begins = seq

    def _end(self) -> None:
        if (self._message_id is not None or self._call_id is not None) and self._begins < self._ends:
            self._runs.append(TextRun(self._begins, self._ends))
        self._message_id = self._call_id = None
