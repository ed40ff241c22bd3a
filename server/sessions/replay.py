"""Replay: a session's past from the journal, adjacent text events merged, up to a mark."""

import logging
from collections.abc import AsyncIterator, Iterable

import msgspec

from agent.session import state as states
from agent.session.state import SessionState
from protocol import codec
from protocol import events as ev
from protocol.codec import decode_event
from protocol.merge import TEXT_EVENTS, Merger, after
from server.journal.base import Journal, Record


def record_of(event: ev.Event) -> Record:
    """An event as the journal stores it."""
    return Record(seq=event.seq, first_seq=ev.first_seq(event), data=codec.encode(event))


class RecordMerger:
    """Takes records in order, gives them in order, text merged. Only events that can be merged are decoded."""

    def __init__(self, position: int) -> None:
        self._position = position
        self._merger = Merger()

    def push(self, record: Record) -> list[Record]:
        """Take one record; give what is complete."""
        if record.first_seq <= self._position:
            record = record_of(after(codec.decode_event(record.data), self._position))
        if not record.data.startswith(TEXT_EVENTS):
            return [*self.flush(), record]
        return [record_of(event) for event in self._merger.push(codec.decode_event(record.data))]

    def flush(self) -> list[Record]:
        """Give what is held back."""
        return [record_of(event) for event in self._merger.flush()]


def merged(records: Iterable[Record], position: int) -> list[Record]:
    """These records as one who is at `position` is told them."""
    merger = RecordMerger(position)
    out = [ready for record in records for ready in merger.push(record)]
    return out + merger.flush()


async def replay(
    journal: Journal, session_id: str, position: int, mark: int, max_bytes: int
) -> AsyncIterator[list[Record]]:
    """All records after `position` up to `mark`, in batches of about `max_bytes`, in order, without a hole.

    A record that was merged across the mark comes whole: the reading may end a little past it.
    """
    merger = RecordMerger(position)
    batch: list[Record] = []
    size = 0
    while position < mark:
        records = await journal.read(session_id, position, through=mark, max_bytes=max_bytes)
        position = records[-1].seq
        for ready in (ready for record in records for ready in merger.push(record)):
            if batch and size + len(ready.data) > max_bytes:
                yield batch
                batch, size = [], 0
            batch.append(ready)
            size += len(ready.data)
    batch += merger.flush()
    if batch:
        yield batch


log = logging.getLogger("holdfast.loading")

READ_BYTES = 1_048_576
"""How much of the journal is read at once."""


async def load_state(journal: Journal, session_id: str, head: int, default_model: str) -> SessionState:
    """The state after the event `head`. A session that never chose a model has the server's."""
    state = SessionState()
    stored = await journal.snapshot(session_id)
    if stored is not None and stored[0] <= head:
        try:
            state = states.load(stored[1])
        except msgspec.MsgspecError:
            log.info("session %s: its snapshot is of another version; folding the whole journal", session_id)
    async for batch in replay(journal, session_id, state.view.seq, head, READ_BYTES):
        for record in batch:
            states.apply(state, decode_event(record.data))
    if not state.model_chosen:
        state.view.model = default_model
    return state
