"""Replay: reads a session's past events from the journal, adjacent text events merged, and loads its state from them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from agent.session import state as states
from agent.session.state import SessionState
from protocol import codec
from protocol import events as ev
from protocol.codec import decode_event
from protocol.merge import TEXT_EVENTS, WHOLE_MESSAGES, Merger, after
from server.journal.base import Journal, Lease, Record, SessionRow, Unavailable

STEP_BYTES = 65_536
"""Bytes of records that are merged in one step of the event loop: a millisecond of work at most, but for a larger record."""

LARGE_BYTES = 4_096
"""Records above this are kept while their events are held back."""


def record_of(event: ev.Event) -> Record:
    """The record with which the journal stores this event."""
    seq, first_seq = event.seq, event.first_seq
    return Record(seq, seq if first_seq is msgspec.UNSET else first_seq, codec.encode(event))


class RecordMerger:
    """Merges adjacent text events. Records go in and come out in order, those that need no merging as they are.

    `position`: the seq up to which the reader has everything; a merged record that reaches past it is cut there.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._merger = Merger()
        self._holds = False
        self._large: list[tuple[ev.Event, Record]] = []
        """Large records that the merger holds: to encode one anew costs ten milliseconds a megabyte."""

    def push(self, record: Record) -> list[Record]:
        """Take one record; return those that are complete."""
        if record.first_seq <= self._position:
            record = record_of(after(codec.decode_event(record.data), self._position))
        is_message = record.data.startswith(WHOLE_MESSAGES)
        if not self._holds and (is_message or not record.data.startswith(TEXT_EVENTS)):
            return [record]
        if not record.data.startswith(TEXT_EVENTS):
            return [*self.flush(), record]
        event = codec.decode_event(record.data)
        if len(record.data) > LARGE_BYTES:
            self._large.append((event, record))
        ready = self._records(self._merger.push(event))
        self._holds = not is_message
        if is_message:
            self._large.clear()
        return ready

    def flush(self) -> list[Record]:
        """Return the records that are held back."""
        ready = self._records(self._merger.flush())
        self._holds = False
        self._large.clear()
        return ready

    def _records(self, events: list[ev.Event]) -> list[Record]:
        """The records of these events: the large ones that were not merged as they came."""
        if not self._large:
            return [record_of(event) for event in events]
        return [
            next((record for one, record in self._large if one is event), None) or record_of(event) for event in events
        ]


def merged(records: Iterable[Record], position: int) -> list[Record]:
    """These records for a reader at `position`, adjacent text merged."""
    merger = RecordMerger(position)
    out = [ready for record in records for ready in merger.push(record)]
    return out + merger.flush()


async def merged_in_steps(records: Iterable[Record], position: int) -> list[Record]:
    """As `merged`; others come between."""
    merger = RecordMerger(position)
    out: list[Record] = []
    size = 0
    for record in records:
        out += merger.push(record)
        size += len(record.data)
        if size > STEP_BYTES:
            size = 0
            await asyncio.sleep(0)
    return out + merger.flush()


async def replay(
    journal: Journal, session_id: str, position: int, mark: int, max_bytes: int
) -> AsyncIterator[list[Record]]:
    """All records after `position` up to `mark`, in order and without a hole, in batches of about `max_bytes`: what a read gave.

    A record that was merged across the mark comes whole, so the last seq may be above `mark`. Raises `JournalError`.
    A batch belongs to the caller: no other reference to its records is kept meanwhile, for they may be large.
    """
    reader = MergedReader(partial(journal.read, session_id), position, mark)
    while reader.position < mark:
        yield await reader.read(max_bytes)


class Read(Protocol):
    """Reads some records of one session, as `Journal.read`."""

    def __call__(self, position: int, *, through: int, max_bytes: int) -> Awaitable[Sequence[Record]]:
        """The records after `position`."""


class MergedReader:
    """Reads the records after `position`, up to `mark`, merged. `position`: up to where they were read."""

    def __init__(self, read: Read, position: int, mark: int) -> None:
        self.position = position
        self._read = read
        self._mark = mark
        self._merger = RecordMerger(position)
        self._step = 0

    async def read(self, max_bytes: int) -> list[Record]:
        """The next records, at least one."""
        batch: list[Record] = []
        while not batch:
            records = await self._read(self.position, through=self._mark, max_bytes=max_bytes)
            self.position = records[-1].seq
            for record in records:
                self._step += len(record.data)
                if self._step > STEP_BYTES:
                    self._step = 0
                    await asyncio.sleep(0)  # others come between
                batch += self._merger.push(record)
            if self.position >= self._mark:
                batch += self._merger.flush()
        return batch


log = logging.getLogger("holdfast.loading")

READ_BYTES = 1_048_576
"""Bytes of event data that one read of the journal takes."""


class LoadedSession(msgspec.Struct, frozen=True):
    """What an actor starts with: the lease, the row, and the state up to the head."""

    lease: Lease
    row: SessionRow
    state: SessionState


async def load_state(journal: Journal, session_id: str, head: int, default_model: str) -> SessionState:
    """The state after the event `head`: the newest snapshot, and the events after it. Raises `JournalError`.

    `default_model`: for a session that never chose a model.
    """
    state = SessionState()
    stored = await journal.snapshot(session_id) if head else None  # a new session has nothing to read
    if stored is not None and stored[0] <= head:
        try:
            state = states.load(stored[1])
        except msgspec.MsgspecError:
            log.info("session %s: its snapshot has another version; reading all of its events", session_id)
    await bring_up_to(journal, session_id, state, head, default_model)
    return state


async def bring_up_to(journal: Journal, session_id: str, state: SessionState, head: int, default_model: str) -> None:
    """Fold the events that this state does not have yet, up to `head`, into it. Raises `JournalError`; `default_model` as above."""
    async for batch in replay(journal, session_id, state.view.seq, head, READ_BYTES):
        private = await journal.read_private(session_id, batch[0].first_seq - 1, batch[-1].seq)
        provider_states = {one.seq: one.data for one in private}
        for record in batch:
            try:
                event = decode_event(record.data)
            except msgspec.ValidationError as error:
                raise Unavailable(
                    f"session {session_id}: its event {record.seq} is of a newer version of Holdfast: it goes on at a server of that "
                    f"version ({error})"
                ) from error
            states.apply(state, event)
            if isinstance(event, ev.AssistantMessageEvent) and event.seq in provider_states:
                states.keep_provider_state(state, event.message_id, provider_states[event.seq])
    if not state.model_chosen:
        state.view.model = default_model
