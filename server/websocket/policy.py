"""Submission policy: whether the client of one websocket may hand in a submission now."""

import time
from dataclasses import dataclass

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol.content import AccessLevel
from protocol.submissions import Interrupt, Submission
from server.auth.authorization import refuse_submission
from server.auth.principal import Principal
from server.util.rate_limit import KeyedRateLimiter


@dataclass(frozen=True, slots=True)
class SubmissionPolicy:
    """What one client may do: its access to the session, and the rate limit of its user over all their sockets.

    `per_minute`: the rate limit, for the message of a refusal.
    """

    principal: Principal
    access: AccessLevel
    rates: KeyedRateLimiter
    per_minute: int

    @property
    def share_id(self) -> str:
        """The id of the link that the client came by; empty for the owner."""
        return "" if self.principal.grant is None else self.principal.grant.share_id

    def refuse(self, submission: Submission) -> SubmissionRefusal | None:
        """Why this submission is refused, or None. The rate limit does not count interrupts."""
        forbidden = refuse_submission(self.access, submission)
        if forbidden is not None:
            return SubmissionRefusal(codes.FORBIDDEN, forbidden)
        if isinstance(submission, Interrupt) or self.rates.take(self.principal.user_id, time.monotonic()):
            return None
        message = f"you submit more than {self.per_minute} times a minute; wait a moment"
        return SubmissionRefusal(codes.TOO_MANY_SUBMISSIONS, message)
