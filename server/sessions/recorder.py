"""An actor's hand on the journal: appends its events, keeps the info row, and tidies up after a turn. Holds the lease."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from agent.session import state as states
from agent.session.state import SessionState
from agent.util.backoff import Backoff
from protocol import events as ev
from server.journal.base import (
    AppendItem,
    Deleted,
    Fenced,
    IdempotencyRecord,
    Journal,
    JournalError,
    Lease,
    Record,
    SessionRow,
    Unavailable,
)
from server.journal.settings import JournalSettings
from server.sessions.quotas import Quotas
from server.sessions.replay import READ_BYTES, record_of, replay
from server.sessions.rows import Options, dump_options
from server.util.clock import utc_now

log = logging.getLogger("holdfast.keeper")

SNAPSHOT_EVERY_EVENTS = 500
"""A session's state is stored after so many events, so that a wake-up reads few events besides. Decoding them takes some
milliseconds; a snapshot of a long session is larger than they are."""

FIRST_PAUSE_S = 0.05
"""Pause before an append that could not be stored is tried again, identically; each further one is about four times as long."""


class JournalRecorder:
    """What one actor stores. `row` is the info row as it was last stored, `head` the last seq."""

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        row: SessionRow,
        head: int,
        settings: JournalSettings,
        accounts: Quotas,
        appended: Callable[[float], None],
    ) -> None:
        """`appended` hears how many seconds each append took, its retries included."""
        self.row = row
        self.head = head
        self._journal = journal
        self._lease = lease
        self._retry_s = settings.retry_s
        self._accounts = accounts
        self._appended = appended
        self._snapshot_seq = self._compacted = head

    async def append(
        self, events: list[ev.Event], answers: tuple[IdempotencyRecord, ...], state: SessionState
    ) -> tuple[Record, ...]:
        """Store these events, which led to `state`; they are durable on return.

        Raises `Unavailable` (after some tries: whether they were stored is not known), `Fenced`, `Deleted`, `Conflict`.
        """
        records = tuple(map(record_of, events))
        quiet = not answers and all(isinstance(event, (ev.AssistantChunk, ev.ToolLog)) for event in events)
        row = self.row if quiet else _row(self.row, state)
        spent = None if quiet else self._accounts.spent_by(row.user_id, events)
        item = AppendItem(self._lease, self.head, records, answers, None if quiet else row, spent)
        began = time.perf_counter()
        for pause in (*pauses(self._retry_s), None):
            try:
                await self._journal.append(item)
                break
            except Unavailable as error:
                if pause is None:
                    raise
                log.warning("session %s: tried again in %.2f s: %s", self._lease.session_id, pause, error)
                await asyncio.sleep(pause)
        self._appended(time.perf_counter() - began)
        self.row, self.head = row, records[-1].seq
        if spent is not None:
            self._accounts.spend(spent)
        return records

    async def answer(self, submission_id: str) -> IdempotencyRecord | None:
        """The first answer to a submission, if it was accepted before."""
        return await self._journal.answer(self._lease.session_id, submission_id)

    async def stored_head(self) -> int:
        """Where the journal stands, after an append whose outcome is not known."""
        self.head = (await self._journal.stat(self._lease.session_id)).head
        return self.head

    async def compact(self, state: SessionState) -> None:
        """After a turn: its text events become one record each; now and then a snapshot, so that waking is quick."""
        began, self._compacted = self._compacted, self.head
        try:
            async for batch in replay(self._journal, self._lease.session_id, began, self.head, READ_BYTES):
                for record in batch:
                    if record.first_seq < record.seq:
                        await self._journal.merge(self._lease, record.first_seq, record.seq, (record,))
            if self.head - self._snapshot_seq >= SNAPSHOT_EVERY_EVENTS:
                await self._put_snapshot(state)
            await self._accounts.refresh(self.row.user_id)
        except (Fenced, Deleted):
            raise
        except JournalError as error:
            log.warning("session %s: its journal was not tidied: %s", self._lease.session_id, error)

    async def checkpoint(self, state: SessionState) -> None:
        """At the end: a snapshot, if it is newer. It is a cache; without it the next waking reads more."""
        if state.view.seq != self.head or self.head == self._snapshot_seq:
            return
        try:
            await self._put_snapshot(state)
        except JournalError as error:
            log.info("session %s: no snapshot at its end: %s", self._lease.session_id, error)

    async def _put_snapshot(self, state: SessionState) -> None:
        seq = self.head
        await self._journal.put_snapshot(self._lease, seq, states.dump(state))
        self._snapshot_seq = seq


def pauses(total_s: float) -> list[float]:
    """The pauses between tries, each about four times the one before, `total_s` together."""
    backoff = Backoff(FIRST_PAUSE_S, total_s, factor=4.0)
    result: list[float] = []
    while total_s > 0:
        result.append(min(backoff.next_s(), total_s))
        total_s -= result[-1]
    return result


def _row(row: SessionRow, state: SessionState) -> SessionRow:
    view = state.view
    runs = view.turn_id is not None and (
        not view.pending_approval or any(c.state == "running" for c in view.open_calls)
    )
    return msgspec.structs.replace(
        row,
        title=view.title,
        model=view.model,
        last_active_at=utc_now(),
        message_count=len(view.messages),
        state=view.state,
        pending_approval=msgspec.json.encode(view.pending_approval),
        unfinished=runs or bool(view.queued),
        options=dump_options(Options(shares=view.shares)),
    )
