"""Journal recorder: stores what one actor decides. Appends events, updates the row, compacts, writes snapshots."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from agent.session import state as states
from agent.session.state import SessionState
from agent.util.backoff import Backoff
from protocol import events as ev
from protocol.merge import TextRun, TextRuns
from server.journal.base import (
    AppendItem,
    Deleted,
    Fenced,
    IdempotencyRecord,
    Journal,
    JournalError,
    PrivateRecord,
    Record,
    SessionRow,
    Spent,
    Unavailable,
)
from server.sessions.quotas import Quotas
from server.sessions.replay import READ_BYTES, LoadedSession, record_of, replay
from server.sessions.rows import dump_options, in_lists, load_options, other_options
from server.util.clock import utc_now

log = logging.getLogger("holdfast.keeper")

SNAPSHOT_EVERY_EVENTS = 500
"""A session's state is stored after so many events, so that a wake-up reads few events besides. Decoding them takes some
milliseconds; a snapshot of a long session is larger than they are."""

RETRY_S = 1.25
"""How long a failed append is tried again. It outlasts a short lock; then the session's work stops, and says so."""

FIRST_PAUSE_S = 0.05
"""Pause before an append that could not be stored is tried again, identically; each further one is about four times as long."""


class PendingAppend(msgspec.Struct):
    """Events on their way into the journal, since `began`. `error`: why they could not be stored."""

    events: Sequence[ev.Event]
    item: AppendItem
    began: float
    error: Exception | None = None


NO_PRIVATE: Final[Mapping[int, bytes]] = {}


class JournalRecorder:
    """Stores one session's events, under its lease.

    `row`: as it was last stored. `head`: the seq of the last stored event. `on_append` is called with the seconds that
    each append took, its retries included. `spoken`: the version of events that all servers know which may take the session over.
    """

    __slots__ = (
        "_journal",
        "_lease",
        "_on_append",
        "_options",
        "_other_options",
        "_quotas",
        "_snapshot_seq",
        "_spoken",
        "_texts",
        "head",
        "row",
    )

    def __init__(
        self,
        journal: Journal,
        loaded: LoadedSession,
        quotas: Quotas,
        on_append: Callable[[float], None],
        spoken: Callable[[], int],
    ) -> None:
        self.row = loaded.row
        self.head = loaded.state.view.seq
        self._journal = journal
        self._lease = loaded.lease
        self._quotas = quotas
        self._on_append = on_append
        self._spoken = spoken
        self._options = load_options(loaded.row.options)
        self._other_options = other_options(loaded.row.options)
        self._snapshot_seq = self.head
        self._texts = TextRuns()

    async def append(
        self,
        events: list[ev.Event],
        answers: tuple[IdempotencyRecord, ...],
        state: SessionState,
        private: Mapping[int, bytes] = NO_PRIVATE,
    ) -> tuple[Record, ...]:
        """Store these events, which led to `state`, and the answers to submissions. They are durable on return.

        `private`: what is stored with an event for the session alone, by the event's `seq`.

        Raises `Fenced`, `Deleted`, `Conflict`; and `Unavailable`, after retries: then it is not known whether they were
        stored. An event that another server does not know is `Unavailable` too.
        """
        quiet = not answers and all(isinstance(event, (ev.AssistantChunk, ev.ToolLog)) for event in events)
        row = self.row if quiet else self._row(state)
        if not quiet and max(map(ev.since, events)) > self._spoken():
            raise Unavailable(
                "another server on the database is of an older version, which does not know this: upgrade it"
            )
        spent = None if quiet else self._quotas.spent_by(row.user_id, events)
        beside = tuple(PrivateRecord(seq, data) for seq, data in private.items())
        append = self._pending(events, answers, None if quiet else row, spent, beside)
        try:
            await self._journal.append(append.item)
        except Unavailable as error:
            append.error = error
            await self.append_again(append)
        self.end_append(append)
        self.row = row
        if spent is not None:
            self._quotas.spend(spent)
        return append.item.records

    def begin_append(self, events: Sequence[ev.Event], then: Callable[[Exception | None], None]) -> PendingAppend:
        """Hand text events to the journal, without waiting: `then` is called later. If it is called with None: `end_append`."""
        append = self._pending(events)
        self._journal.append_then(append.item, then)
        return append

    def _pending(
        self,
        events: Sequence[ev.Event],
        answers: tuple[IdempotencyRecord, ...] = (),
        row: SessionRow | None = None,
        spent: Spent | None = None,
        private: tuple[PrivateRecord, ...] = (),
    ) -> PendingAppend:
        records = tuple(map(record_of, events))
        item = AppendItem(self._lease, self.head, records, answers, row, spent, private)
        return PendingAppend(events, item, time.perf_counter())

    def end_append(self, append: PendingAppend) -> None:
        """These events are durable."""
        self._on_append(time.perf_counter() - append.began)
        self.head = append.item.records[-1].seq
        self._texts.note(append.events)

    async def append_again(self, append: PendingAppend) -> None:
        """After a failure: try again for `RETRY_S` what the journal could not store. Raises as `append`."""
        error = append.error
        for pause in pauses(RETRY_S):
            if not isinstance(error, Unavailable):
                break
            log.warning("session %s: tried again in %.2f s: %s", self._lease.session_id, pause, error)
            await asyncio.sleep(pause)
            try:
                return await self._journal.append(append.item)
            except JournalError as again:
                error = again
        assert error is not None
        raise error

    async def answer(self, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to the submission with this id; None if it was not accepted before. Raises `Unavailable`."""
        return await self._journal.answer(self._lease.session_id, submission_id)

    async def stored_head(self) -> int:
        """Read the head from the journal, after an append whose outcome is not known. Raises `JournalError`."""
        self.head = (await self._journal.stat(self._lease.session_id)).head
        return self.head

    async def compact(self, state: SessionState) -> None:
        """Merge the turn's text events in the journal into one record each; sometimes write a snapshot. Called after a turn.

        Both make the next activation faster. Raises `Fenced`, `Deleted`; other failures are logged.
        """
        try:
            for run in self._texts.take():
                await self._merge(run)
            if self.head - self._snapshot_seq >= SNAPSHOT_EVERY_EVENTS:
                await self._put_snapshot(state)
            await self._quotas.refresh(self.row.user_id)
        except (Fenced, Deleted):
            raise
        except JournalError as error:
            log.warning("session %s: its journal was not compacted: %s", self._lease.session_id, error)

    async def _merge(self, run: TextRun) -> None:
        if run.message is not None:
            await self._journal.merge(self._lease, run.first_seq, run.seq, (record_of(run.message),))
            return
        async for batch in replay(self._journal, self._lease.session_id, run.first_seq - 1, run.seq, READ_BYTES):
            for record in batch:
                if record.first_seq < record.seq:
                    await self._journal.merge(self._lease, record.first_seq, record.seq, (record,))

    async def checkpoint(self, state: SessionState) -> None:
        """Write a snapshot if there are events after the last one. Called at the end; a failure is logged.

        A snapshot is a cache: without it the next activation reads more events.
        """
        if state.view.seq != self.head or self.head == self._snapshot_seq:
            return
        try:
            await self._put_snapshot(state)
        except JournalError as error:
            log.info("session %s: its last snapshot was not stored: %s", self._lease.session_id, error)

    async def leave(self, state: SessionState | None) -> None:
        """The last thing: write a snapshot of this state, if there is one, and own the session no more. A failure is logged."""
        if state is not None:
            await self.checkpoint(state)
        try:
            await self._journal.release(self._lease)
        except JournalError as error:
            log.info("session %s: it was not released: %s", self._lease.session_id, error)

    async def _put_snapshot(self, state: SessionState) -> None:
        seq = self.head
        await self._journal.put_snapshot(self._lease, seq, states.dump(state))
        self._snapshot_seq = seq

    def _row(self, state: SessionState) -> SessionRow:
        """The row of this state. What the session was made with stays in its options, and what a newer version put there."""
        view = state.view
        runs = view.turn_id is not None and (
            not view.pending_approval or any(c.state == "running" for c in view.open_calls)
        )
        options = msgspec.structs.replace(
            self._options, shares=view.shares, model_chosen=state.model_chosen, questions=in_lists(view.questions)
        )
        return msgspec.structs.replace(
            self.row,
            title=view.title,
            model=view.model,
            last_active_at=utc_now(),
            message_count=len(view.messages),
            state=view.state,
            pending_approval=msgspec.json.encode(view.pending_approval),
            unfinished=runs or bool(view.queued),
            options=dump_options(options, self._other_options),
        )


def pauses(total_s: float) -> list[float]:
    """The pauses between tries, each about four times the one before, `total_s` together."""
    backoff = Backoff(FIRST_PAUSE_S, total_s, factor=4.0)
    result: list[float] = []
    while total_s > 0:
        result.append(min(backoff.next_s(), total_s))
        total_s -= result[-1]
    return result
