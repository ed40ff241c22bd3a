"""The session actor: the one writer of a session. In a loop: take what waits, decide, append, publish, let effects begin."""

import asyncio
import contextlib
import logging
import secrets
import time

import msgspec

from agent.session.decide import decide
from agent.session.messages import Decision, EndSession, Fail, Input, Recover, Stop, SubmissionRefusal
from agent.session.session import Rules, Session
from agent.session.state import SessionState
from agent.tools import ToolRouter
from agent.util.errors import log_fault
from agent.worker import ModelCalls, Worker
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
    Lease,
    NotFound,
    SessionRow,
    Unavailable,
)
from server.journal.settings import JournalSettings
from server.sessions.broadcaster import EventBroadcaster
from server.sessions.idempotency import record_answer, refuse, refused_frame, repeat_answer
from server.sessions.inbox import Answer, Inbox, InboxFull, PendingSubmission
from server.sessions.quotas import Quotas
from server.sessions.recorder import JournalRecorder
from server.sessions.replay import load_state
from server.telemetry.session_observer import Observer
from server.util.clock import utc_now

log = logging.getLogger("holdfast.actor")

SUBMISSION_ID_BYTES = 12
SLEEP_REASON = CloseReason(codes.CLOSE_RESTART, "the session was put to sleep; reconnect")
DELETED_REASON = CloseReason(codes.CLOSE_DELETED, "the session was deleted")


RECOVERY_S = 5.0
"""How long a session whose work stopped because the journal failed waits before it tries its journal again."""


class LoadedSession(msgspec.Struct, frozen=True):
    """What an actor begins with: its lease, its info row and the state up to the head."""

    lease: Lease
    row: SessionRow
    state: SessionState


class SessionActor:
    """One awake session. Made by `SessionRegistry`, which runs `run` as its task; every ending meets in `_end`."""

    def __init__(
        self,
        loaded: LoadedSession,
        rules: Rules,
        journal: Journal,
        models: ModelCalls,
        tools: ToolRouter,
        settings: JournalSettings,
        accounts: Quotas,
        observer: Observer,
    ) -> None:
        row = msgspec.structs.replace(loaded.row, model=loaded.state.view.model)
        head = loaded.state.view.seq
        self.session_id = row.session_id
        self.user_id = row.user_id
        self.broadcaster = EventBroadcaster(row.session_id, journal, head)
        self.sockets = 0
        self.stopping = False
        self.ended = asyncio.Event()
        self.idle_since = time.monotonic()
        self._inbox = Inbox()
        self._recorder = JournalRecorder(
            journal,
            loaded.lease,
            row,
            head,
            settings,
            accounts,
            observer.appended,
        )
        self._observer = observer
        self._journal = journal
        self._rules = rules
        self._session = Session(loaded.state, rules)
        self._worker = Worker(row.session_id, models, tools, self._inbox, observer.tracer)
        self._task: asyncio.Task[None] | None = None
        self._stepping = False
        self._lost: JournalError | None = None
        self._close_reason = SLEEP_REASON

    @property
    def state(self) -> SessionState:
        """The session's state. Ahead of what is stored while an append is under way: see `durable`."""
        return self._session.state

    @property
    def row(self) -> SessionRow:
        """The session's info, as stored."""
        return self._recorder.row

    @property
    def durable(self) -> bool:
        """Whether all the state holds has been stored."""
        return self._session.state.view.seq == self.broadcaster.head

    @property
    def busy(self) -> bool:
        """Whether work is under way or waits, an approval included."""
        return self._stepping or self._session.working or len(self._inbox) > 0 or self._lost is not None

    @property
    def may_sleep(self) -> bool:
        """Whether nobody would notice."""
        return not (self.busy or self.sockets or self.stopping)

    @property
    def may_wake_again(self) -> bool:
        """Whether it could sleep and wake at once and nobody would notice; an approval may wait, for it goes on waiting."""
        waits = bool(self._session.state.view.pending_approval) and self._worker.running == 0
        idle = not self._session.working or waits
        unfinished = self._stepping or len(self._inbox) > 0 or self._lost is not None
        return idle and not (unfinished or self.sockets or self.stopping)

    def submit(self, submission: Submission) -> "asyncio.Future[Answer] | SubmissionRefusal":
        """Put a submission in line, with an id of ours if the client gave none; a refusal at once if there is no room."""
        own_id = bool(submission_id(submission))
        if not own_id:
            submission = msgspec.structs.replace(submission, id=secrets.token_hex(SUBMISSION_ID_BYTES))
        if self.stopping:
            return SubmissionRefusal(codes.GOING_AWAY, "the session is going to sleep; reconnect and send it again")
        try:
            return self._inbox.submit(submission, own_id=own_id)
        except InboxFull:
            return SubmissionRefusal(
                codes.INBOX_FULL, "the session has too many submissions waiting; send it again in a moment"
            )

    def stop(self, reason: CloseReason) -> None:
        """End the actor after its present step. Running work is ended, the session is kept. Its sockets get `reason`."""
        if not self.stopping:
            self.stopping = True
            self._close_reason = reason
            self._inbox.result(Stop())

    def cancel(self) -> None:
        """End the actor at once, for one that does not stop."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """The actor's life."""
        self._task = asyncio.current_task()
        state = self._session.state
        self._observer.begin(state.view.model, state.view.turn_id if state.in_turn else None)
        try:
            if self._session.working or self._session.state.view.queued:
                await self._step([Recover()])
            while not self.stopping or len(self._inbox):
                await self._step(await self._next())
        except Fenced as error:
            log.warning("session %s: %s", self.session_id, error)
        except (Deleted, NotFound):
            self._close_reason = DELETED_REASON
        except Exception as error:  # noqa: BLE001  # every ending is one of these
            message = log_fault(log, error, "session %s: its actor failed", self.session_id)
            self._close_reason = CloseReason(codes.CLOSE_FAULT, message)
        finally:
            await self._end()

    async def _next(self) -> list[PendingSubmission | Input]:
        """What to do next; a session whose journal failed tries by itself after a while."""
        if self._lost is None:
            return await self._inbox.take()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECOVERY_S):
                return await self._inbox.take()
        return []

    async def _step(self, taken: list[PendingSubmission | Input]) -> None:
        self._stepping = True
        try:
            if self._lost is None or await self._regain(taken):
                await self._decide(taken)
        finally:
            self._stepping = False
            self.idle_since = time.monotonic()

    async def _decide(self, taken: list[PendingSubmission | Input]) -> None:
        answers: list[tuple[PendingSubmission, Answer]] = []
        messages = [
            item for item in taken if not isinstance(item, PendingSubmission) or not await self._repeated(item, answers)
        ]
        decisions: list[Decision] = []
        new_answers: dict[str, IdempotencyRecord] = {}
        try:
            for item in messages:
                if not isinstance(item, PendingSubmission):
                    decisions.append(decide(self._session, item, utc_now()))
                    continue
                earlier = new_answers.get(submission_id(item.submission))
                if earlier is not None:
                    answers.append((item, repeat_answer(item.submission, earlier)))
                    continue
                decision = decide(self._session, item.submission, utc_now())
                decisions.append(decision)
                assert decision.answer is not None, "every submission is answered"
                answers.append((item, decision.answer))
                if isinstance(decision.answer, ev.Accepted):
                    new_answers[decision.answer.submission_id] = record_answer(item.submission, decision.answer)
        except Exception as error:  # noqa: BLE001  # nobody may be left without an answer
            fault = SubmissionRefusal(
                codes.INTERNAL, log_fault(log, error, "session %s: a decision failed", self.session_id)
            )
            refuse([item for item in taken if isinstance(item, PendingSubmission)], fault)
            await self._start_over(Fail(codes.INTERNAL, fault.message, True))
            return
        await self._commit(decisions, tuple(new_answers.values()), answers)

    async def _repeated(self, waiting: PendingSubmission, answers: list[tuple[PendingSubmission, Answer]]) -> bool:
        """Whether the submission came before and has its answer. Only a client's own id can have come before."""
        if not waiting.own_id:
            return False
        try:
            earlier = await self._recorder.answer(submission_id(waiting.submission))
        except Unavailable as error:
            answers.append((waiting, _not_stored(error)))
            return True
        if earlier is None:
            return False
        answers.append((waiting, repeat_answer(waiting.submission, earlier)))
        return True

    async def _commit(
        self,
        decisions: list[Decision],
        new_answers: tuple[IdempotencyRecord, ...],
        answers: list[tuple[PendingSubmission, Answer]],
    ) -> bool:
        """Store, then tell everyone, then let the effects begin, then answer; False if it could not be stored."""
        events = [event for decision in decisions for event in decision.events]
        if events:
            try:
                records = await self._recorder.append(events, new_answers, self._session.state)
            except Unavailable as error:
                refuse([waiting for waiting, _ in answers], _not_stored(error))
                await self._lose(error)
                return False
            self.broadcaster.publish(records)
            self._observer.on_events(events)
        for decision in decisions:
            for effect in decision.effects:
                self._worker.start(effect)
                if isinstance(effect, EndSession):
                    self.broadcaster.end(CloseReason(codes.CLOSE_GOODBYE, "the session was shut down"))
        for waiting, answer in answers:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        if events and not self._session.working:
            await self._recorder.compact(self._session.state)
        return True

    async def _lose(self, error: Unavailable) -> None:
        """The journal does not take events: stop loudly. Nobody saw what was not stored, so the journal is the truth."""
        if self._lost is None:
            log.error("session %s: work stopped: %s", self.session_id, error)
            self.broadcaster.notify(refused_frame(_not_stored(error)))
        self._lost = error
        self._worker.cancel()
        try:
            await self._reload()
        except Unavailable as unread:
            log.warning("session %s: nor can it be read: %s", self.session_id, unread)

    async def _regain(self, taken: list[PendingSubmission | Input]) -> bool:
        """Load the session anew and end what was under way with an error; whether that could be stored."""
        try:
            await self._reload()
            stored = not self._session.working or await self._commit([self._failed(self._lost)], (), [])
        except Unavailable as error:
            self._lost = error
            stored = False
        if stored:
            self._lost = None
        elif self._lost is not None:
            refuse([item for item in taken if isinstance(item, PendingSubmission)], _not_stored(self._lost))
        return stored

    def _failed(self, lost: JournalError | None) -> Decision:
        message = f"the server could not store what came next ({lost}); the turn was stopped"
        return decide(self._session, Fail(codes.JOURNAL_UNAVAILABLE, message, True, keeps_waiting=True), utc_now())

    async def _start_over(self, fault: Fail) -> None:
        """After a fault in a decision: the state is what the journal says, and the work under way ends with an error."""
        self._worker.cancel()
        try:
            await self._reload()
            await self._commit([decide(self._session, fault, utc_now())], (), [])
        except Unavailable as error:
            await self._lose(error)

    async def _reload(self) -> None:
        head = await self._recorder.stored_head()
        state = await load_state(self._journal, self.session_id, head, self._session.state.view.model)
        self._session = Session(state, self._rules)
        self.broadcaster.advance(head)

    async def _end(self) -> None:
        """Every ending: no task, no waiter, no cursor is left behind."""
        self.stopping = True
        await self._worker.aclose()
        left = [item for item in self._inbox.drain() if isinstance(item, PendingSubmission)]
        refuse(left, SubmissionRefusal(codes.GOING_AWAY, "the session is going to sleep; reconnect and send it again"))
        self.broadcaster.end(self._close_reason)
        self._observer.close()
        if self._lost is None:
            await self._recorder.checkpoint(self._session.state)


def _not_stored(error: JournalError) -> SubmissionRefusal:
    return SubmissionRefusal(
        codes.JOURNAL_UNAVAILABLE, f"the journal did not take it ({error}); send it again with the same id"
    )
