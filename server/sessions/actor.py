"""Session actor: the only writer of a session. In a loop it takes what waits, decides, records, publishes and starts effects."""

import asyncio
import contextlib
import logging
import secrets
import time

import msgspec

from agent.session.decide import decide
from agent.session.messages import Decision, Fail, Input, Recover, Stop, SubmissionRefusal, ToolDone
from agent.session.redact_input import in_slices
from agent.session.session import Session
from agent.session.state import SessionState
from agent.util.errors import log_fault
from agent.util.signal import Latch
from agent.worker import Worker
from protocol import codes
from protocol import events as ev
from protocol.codes import CloseReason
from protocol.submissions import Submission, submission_id
from server.journal.base import (
    Deleted,
    Fenced,
    IdempotencyRecord,
    Journal,
    JournalError,
    NotFound,
    SessionRow,
    Stat,
    Unavailable,
)
from server.sessions import idempotency
from server.sessions.factory import SessionParts
from server.sessions.inbox import Answer, Inbox, InboxFull, PendingSubmission
from server.sessions.ports.broadcaster import DELETED_REASON, EventBroadcaster
from server.sessions.quotas import Quotas
from server.sessions.recorder import JournalRecorder
from server.sessions.replay import LoadedSession, load_state
from server.sessions.text_steps import DecisionFailed, TextSteps
from server.util.clock import utc_now

log = logging.getLogger("holdfast.actor")

SUBMISSION_ID_BYTES = 12

RECOVERY_S = 5.0
"""How long a session whose work stopped because the journal failed waits before it tries its journal again."""


class SessionActor:
    """One active session. `SessionRegistry` makes it and runs `run` as its task.

    `broadcaster`: delivers the stored events; it is the session port's. `idle_since`: when the last step ended, in seconds of
    the monotonic clock. `ended` is set by the registry, after `run` has returned. Then `ended_well` tells whether all is stored
    and published that it decided, and `unanswered` has the submissions that another actor has to take. `lost`: it
    may store nothing more, as another server may own the session.
    """

    def __init__(
        self,
        loaded: LoadedSession,
        parts: SessionParts,
        journal: Journal,
        quotas: Quotas,
        broadcaster: EventBroadcaster,
    ) -> None:
        row = msgspec.structs.replace(loaded.row, model=loaded.state.view.model)
        loaded = msgspec.structs.replace(loaded, row=row)
        self.session_id = row.session_id
        self.user_id = row.user_id
        self.broadcaster = broadcaster
        self.stopping = False
        self.ended = Latch()
        self.idle_since = time.monotonic()
        self.ended_well = self.lost = False
        self.unanswered: list[PendingSubmission] = []
        self._inbox = Inbox()
        self._recorder = JournalRecorder(journal, loaded, quotas, parts.observer.appended, parts.spoken)
        self._observer = parts.observer
        self._text = TextSteps(self._inbox, self._recorder, self.broadcaster, parts.observer)
        self._journal = journal
        self._term = loaded.lease.term
        self._rules = parts.rules
        self._session = Session(loaded.state, parts.rules)
        self.tools = parts.tools
        self._worker = Worker(row.session_id, parts.models, parts.tools, self._inbox, parts.observer.tracer)
        self._task: asyncio.Task[None] | None = None
        self._stepping = False
        self._taken: list[PendingSubmission | Input] = []
        self._journal_error: JournalError | None = None
        self._close_reason: CloseReason | None = None

    @property
    def state(self) -> SessionState:
        """The session's state. While an append is under way it is ahead of what is stored: see `durable`."""
        return self._session.state

    @property
    def row(self) -> SessionRow:
        """The session's row, as it was last stored."""
        return self._recorder.row

    @property
    def stat(self) -> Stat:
        """Where the session stands, as the journal would tell it."""
        return Stat(self.broadcaster.head, self._journal.epoch, self.row, self._term)

    @property
    def durable(self) -> bool:
        """Whether the whole state is stored."""
        return self._session.state.view.seq == self.broadcaster.head

    @property
    def busy(self) -> bool:
        """Whether work is under way or waits. An approval that waits counts."""
        return self._unfinished or self._session.working

    @property
    def may_sleep(self) -> bool:
        """Whether it may be evicted: it has no work. Who follows the session follows on."""
        return not (self.busy or self.stopping)

    @property
    def may_restart(self) -> bool:
        """Whether it may be stopped and activated anew at once. An approval may wait: it waits on afterwards."""
        waits = bool(self._session.state.view.pending_approval) and self._worker.running == 0
        return (waits or not self._session.working) and not (self._unfinished or self.stopping)

    @property
    def _unfinished(self) -> bool:
        """Whether a step is under way, or something waits for one: what is queued, too, until it begins. A stop would cut that turn short."""
        waits = len(self._inbox) > 0 or (self._task is None and bool(self.state.view.queued))
        return waits or self._stepping or self._text.under_way or self._journal_error is not None

    def submit(
        self, submission: Submission, share_id: str = "", sender: object = None, digest: bytes = b""
    ) -> "asyncio.Future[Answer] | SubmissionRefusal":
        """Add a submission to the inbox; the answer comes by the future. A refusal if it is stopping or the inbox is full.

        A submission without an id gets one. `share_id`: of the link by which its sender came; empty for the owner.
        `sender`: the socket that it came by. `digest`: see `PendingSubmission`.
        """
        own_id = bool(submission_id(submission))
        if not own_id:
            submission = msgspec.structs.replace(submission, id=secrets.token_hex(SUBMISSION_ID_BYTES))
        if self.stopping:
            return idempotency.STOPPING
        try:
            return self._inbox.submit(submission, own_id=own_id, share_id=share_id, sender=sender, digest=digest)
        except InboxFull:
            return idempotency.INBOX_IS_FULL

    def report(self, message: Input) -> None:
        """Add what happened outside of the session to the inbox."""
        self._inbox.result(message)

    def hand_over(self, waiting: list[PendingSubmission]) -> None:
        """Take submissions that an earlier actor of the session did not answer."""
        self._inbox.hand_over(waiting)

    def stop(self, reason: CloseReason | None = None) -> None:
        """End the actor after its present step, with its work. Its sockets get `reason`; without one they stay."""
        if not self.stopping:
            self.stopping = True
            self._close_reason = reason
            self._inbox.result(Stop())

    def cancel(self) -> bool:
        """Cancel the actor's task, for an actor that does not stop, or must not append. False: it has not begun yet."""
        return self._task is not None and self._task.cancel()

    async def run(self) -> None:
        """Run until it is stopped, fails, or the session is deleted. Every ending goes through `_end`."""
        self._task = asyncio.current_task()
        self._observer.begin(self.state.view.model, self.state.view.turn_id if self.state.in_turn else None)
        try:
            if self._session.working or self.state.view.queued:
                await self._step([Recover()])
            while not self.stopping or len(self._inbox):
                await self._step(await self._next())
            self.ended_well = self._journal_error is None
        except Fenced as error:
            log.warning("session %s: %s", self.session_id, error)
        except (Deleted, NotFound):
            self._close_reason = DELETED_REASON
            self.ended_well = True
        except Exception as error:  # noqa: BLE001  # it becomes the close reason of the sockets
            message = log_fault(log, error, "session %s: its actor failed", self.session_id)
            self._close_reason = CloseReason(codes.CLOSE_FAULT, message)
        finally:
            await self._end()

    async def _next(self) -> list[PendingSubmission | Input]:
        """Wait for more than text alone. After a failure of the journal at most `RECOVERY_S`, to try the journal again."""
        while self._journal_error is None and not self.stopping:
            try:
                await self._text.take_until_else(self._session)
                return self._inbox.drain()
            except Unavailable as error:
                await self._on_journal_failure(error)
            except DecisionFailed as error:
                await self._on_decision_failure(Fail(codes.INTERNAL, str(error), True))
        if not self.stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._inbox.wait(), RECOVERY_S)
        return self._inbox.drain()

    async def _step(self, taken: list[PendingSubmission | Input]) -> None:
        self._stepping = True
        self._taken = taken
        try:
            if self._journal_error is None or await self._retry_journal(taken):
                await self._decide(taken)
            self._taken = []
        finally:
            self._stepping = False
            self.idle_since = time.monotonic()

    async def _decide(self, taken: list[PendingSubmission | Input]) -> None:
        answers: list[tuple[PendingSubmission, Answer]] = []
        messages: list[PendingSubmission | Input] = []
        for item in taken:
            if (
                isinstance(item, PendingSubmission) and item.own_id
            ):  # only an id of the client's making can be a duplicate
                earlier = await idempotency.earlier_answer(item, self._recorder.answer)
                if earlier is not None:
                    answers.append((item, earlier))
                    continue
            messages.append(item)
        decisions: list[Decision] = []
        new_answers: dict[str, IdempotencyRecord] = {}
        try:
            for item in messages:
                if not isinstance(item, PendingSubmission):
                    report = await in_slices(self._rules.redactor, item) if isinstance(item, ToolDone) else item
                    decisions.append(decide(self._session, report, utc_now()))
                    continue
                first = new_answers.get(submission_id(item.submission))
                if first is not None:
                    answers.append((item, idempotency.repeat_answer(idempotency.digest_of(item), first)))
                    continue
                submission = await in_slices(self._rules.redactor, item.submission)
                decision = decide(self._session, submission, utc_now(), item.share_id)
                decisions.append(decision)
                assert decision.answer is not None, "every submission is answered"
                answers.append((item, decision.answer))
                if isinstance(decision.answer, ev.Accepted):
                    digest = idempotency.digest_of(item)
                    new_answers[decision.answer.submission_id] = idempotency.record_answer(digest, decision.answer)
        except Exception as error:  # noqa: BLE001  # nobody may be left without an answer
            fault = SubmissionRefusal(
                codes.INTERNAL, log_fault(log, error, "session %s: a decision failed", self.session_id)
            )
            idempotency.refuse(taken, fault)
            await self._on_decision_failure(Fail(codes.INTERNAL, fault.message, True))
            return
        await self._commit(decisions, tuple(new_answers.values()), answers)

    async def _commit(
        self,
        decisions: list[Decision],
        new_answers: tuple[IdempotencyRecord, ...],
        answers: list[tuple[PendingSubmission, Answer]],
    ) -> bool:
        """Store the events, publish them, start the effects, answer the submissions. False if they could not be stored."""
        events = [event for decision in decisions for event in decision.events]
        if events:
            try:
                private = {seq: data for decision in decisions for seq, data in decision.provider_states.items()}
                records = await self._recorder.append(events, new_answers, self._session.state, private)
            except Unavailable as error:
                idempotency.refuse([waiting for waiting, _ in answers], idempotency.not_stored(error))
                await self._on_journal_failure(error)
                return False
            self.broadcaster.publish(records)
            self._observer.on_events(events)
        for decision in decisions:
            for effect in decision.effects:
                self._worker.start(effect)
        for waiting, answer in answers:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        if events and not self._session.working:
            self._stepping = False  # all is said, stored and answered: who sees the session at rest may restart it now
            await self._recorder.compact(self._session.state)
        return True

    async def _on_journal_failure(self, error: Unavailable) -> None:
        """After a failed append: tell the sockets, stop the work, and load the state anew.

        Events are published after they are stored, so no client has seen one that is not in the journal.
        """
        if self._journal_error is None:
            log.error("session %s: work stopped: %s", self.session_id, error)
            self.broadcaster.notify(idempotency.refused_frame(idempotency.not_stored(error)))
        self._journal_error = error
        self._worker.cancel()
        try:
            await self._reload()
        except Unavailable as unread:
            log.warning("session %s: its journal cannot be read either: %s", self.session_id, unread)

    async def _retry_journal(self, taken: list[PendingSubmission | Input]) -> bool:
        """After a failed append: load the state anew and end the work with an error. Whether that could be stored."""
        try:
            await self._reload()
            message = f"the server could not store what came next ({self._journal_error}); the turn was stopped"
            fault = Fail(codes.JOURNAL_UNAVAILABLE, message, True, keeps_waiting=True)
            stored = not self._session.working or await self._commit([decide(self._session, fault, utc_now())], (), [])
        except Unavailable as error:
            self._journal_error = error
            stored = False
        if stored:
            self._journal_error = None
        elif self._journal_error is not None:
            idempotency.refuse(taken, idempotency.not_stored(self._journal_error))
        return stored

    async def _on_decision_failure(self, fault: Fail) -> None:
        """After an exception in a decision: load the state anew, and end the work with an error."""
        self._worker.cancel()
        try:
            await self._reload()
            await self._commit([decide(self._session, fault, utc_now())], (), [])
        except Unavailable as error:
            await self._on_journal_failure(error)

    async def _reload(self) -> None:
        head = await self._recorder.stored_head()
        state = await load_state(self._journal, self.session_id, head, self._session.state.view.model)
        self._session = Session(state, self._rules, leaving=self._session.leaving)
        self.broadcaster.advance(head)

    async def _end(self) -> None:
        """End the worker, answer or keep what waits, end the cursors if there is a reason to, write a snapshot."""
        self.stopping = True
        await self._worker.aclose()
        waiting = [*self._taken, *self._inbox.drain()]
        if self._close_reason is None:
            self.unanswered = idempotency.unanswered(waiting)
        else:
            idempotency.refuse(waiting, idempotency.STOPPING)
            self.broadcaster.end(self._close_reason)
        self._observer.close()
        if not self.lost:
            await self._recorder.leave(self._session.state if self._journal_error is None else None)
