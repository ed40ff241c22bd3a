"""Handover: what an actor that failed or was fenced leaves behind: work without an end, and submissions without an answer."""

import asyncio
import logging
from functools import partial

from agent.session.messages import SubmissionRefusal
from agent.util.backoff import Backoff
from server.journal.base import JournalError
from server.journal.nodes.base import OwnedElsewhere
from server.sessions import idempotency
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.inbox import PendingAnswer, PendingSubmission
from server.sessions.ports.port import SessionPort, Waker, refusal_of

log = logging.getLogger("holdfast.awake")

AGAIN_S, AGAIN_MAX_S = 0.5, 10.0
"""Pauses before a session goes on that has failed again, or could not be woken."""


class Handover:
    """Hands on what actors left. The next actor of the session takes the submissions before all others."""

    def __init__(self, waker: Waker) -> None:
        self._waker = waker
        self._unanswered: dict[str, list[PendingSubmission]] = {}
        self._backoffs: dict[str, Backoff] = {}

    def leave(self, session_id: str, unanswered: list[PendingSubmission]) -> None:
        """An actor of this session has ended and did not answer these."""
        if unanswered:
            self._unanswered[session_id] = unanswered

    def take(self, session_id: str) -> list[PendingSubmission]:
        """What the session's next actor has to answer."""
        return self._unanswered.pop(session_id, [])

    def ended_well(self, session_id: str) -> None:
        """An actor of this session has ended and left nothing: its next failure is the first again."""
        self._backoffs.pop(session_id, None)

    async def go_on(self, port: SessionPort, *, unfinished: bool) -> None:
        """Tell the followers what the actor stored, and wake the session if there is something left. `unfinished`: work is."""
        session_id = port.session_id
        backoff = self._backoffs.get(session_id)
        if backoff is None:
            backoff = self._backoffs[session_id] = Backoff(AGAIN_S, AGAIN_MAX_S)
        else:
            await asyncio.sleep(backoff.next_s())  # it failed again
        done = False
        while not (done or self._waker.draining):
            try:
                await port.refresh()
                if session_id in self._unanswered or unfinished:
                    async with self._waker.activated(session_id, port.user_id):
                        log.info("session %s: goes on", session_id)
                done = True
            except OwnedElsewhere:
                await self._forward(session_id)
                done = True
            except (SessionNotFound, GoingAway) as error:
                self.refuse(session_id, error)
                done = True
            except (SessionCapacityError, JournalError) as error:
                log.warning("session %s cannot go on; trying again: %s", session_id, error)
                self.refuse(session_id, error)
                await asyncio.sleep(backoff.next_s())
        self.refuse(session_id, GoingAway())  # if it is still there

    async def _forward(self, session_id: str) -> None:
        """Another server has taken the session: it is to answer. What the lost actor stored is found under its id."""
        assert self._waker.shared is not None
        for one in self.take(session_id):
            answer = await self._waker.shared.forward(session_id, one.submission, one.share_id, one.sender)
            if isinstance(answer, SubmissionRefusal):
                idempotency.refuse([one], answer)
            else:
                answer.add_done_callback(partial(_pass_on, one))

    def refuse(self, session_id: str, error: Exception) -> None:
        """Answer what was left: the session cannot be woken because of this error."""
        idempotency.refuse(self.take(session_id), refusal_of(session_id, error))


def _pass_on(one: PendingSubmission, done: PendingAnswer) -> None:
    if not (done.cancelled() or one.answer.done()):
        one.answer.set_result(done.result())
