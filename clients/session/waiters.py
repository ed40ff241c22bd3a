"""Waiters: callers that wait for the answer to a submission, or for the view to reach a state."""

import asyncio
from collections.abc import Callable

from clients.session.errors import SubmissionRefused
from clients.session.outcomes import Acked, Rejected
from protocol.events import Accepted
from protocol.view import View

Predicate = Callable[[View], bool]


class Waiters:
    """Futures of the callers that wait. An error ends all of them at once."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[Accepted]] = {}
        self._watchers: dict[asyncio.Future[None], Predicate] = {}

    async def answer(self, submission_id: str) -> Accepted:
        """The acceptance of this submission. Raises `SubmissionRefused`, or what `fail` is given."""
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._answers[submission_id] = answer
        try:
            return await answer
        finally:
            del self._answers[submission_id]

    async def until(self, predicate: Predicate) -> None:
        """Until `view_changed` is given a view for which the predicate holds. Raises what `fail` is given."""
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers[found] = predicate
        try:
            await found
        finally:
            del self._watchers[found]

    def view_changed(self, view: View) -> None:
        """The view has changed."""
        for found, predicate in self._watchers.items():
            if not found.done() and predicate(view):
                found.set_result(None)

    def resolve(self, outcome: Acked | Rejected) -> bool:
        """A submission has its final answer. Whether somebody waited for it."""
        answer = self._answers.get(outcome.submission_id)
        if answer is None:
            return False
        if answer.done():
            return True
        if isinstance(outcome, Acked):
            answer.set_result(outcome.accepted)
        else:
            refusal = (outcome.submission_id, outcome.code, outcome.message, outcome.retryable)
            answer.set_exception(SubmissionRefused(*refusal))
        return True

    def fail(self, error: Exception) -> None:
        """End all waits with this error."""
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
        for found in self._watchers:
            if not found.done():
                found.set_exception(error)
