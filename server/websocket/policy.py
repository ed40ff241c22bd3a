"""Submission policy: whether the client of one websocket may hand in a submission now."""

import asyncio
import time
from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from agent.session.messages import SubmissionRefusal
from agent.session.model_choice import may_choose
from protocol import codes
from protocol.content import AccessLevel, ShareLink
from protocol.submissions import Interrupt, Submission
from server.auth.authorization import READ_ONLY, refuse_submission
from server.auth.principal import Principal
from server.util.rate_limit import KeyedRateLimiter

SMALL_BYTES = 256
"""A message or frame of this size costs little to decode, whatever it holds. Every interrupt fits in."""

LARGE_BYTES_PER_S = 1_048_576
"""Bytes of larger messages that are decoded for one user in a second, in the long run: more than anybody writes."""

LARGE_BYTES_BURST = 4_194_304
"""Bytes of larger messages that one user sends without a delay: four of the largest."""


class SubmissionPolicy(msgspec.Struct, frozen=True):
    """What one client may do: its access to the session, and the rate limits of its user over all their sockets.

    `rates`: submissions. `bytes`: bytes of large messages. `per_minute`: the limit of `rates`, for the message of a refusal.
    `turn`: of the user; held while one of their sockets decodes a large message, so that all of them hold up others no more
    than one does.
    """

    principal: Principal
    access: AccessLevel
    rates: KeyedRateLimiter
    bytes: KeyedRateLimiter
    per_minute: int
    turn: asyncio.Lock

    @property
    def share_id(self) -> str:
        """The id of the link that the client came by; empty for the owner."""
        return "" if self.principal.grant is None else self.principal.grant.share_id

    def may_set_model(self, shares: Iterable[ShareLink]) -> bool | UnsetType:
        """As `ready` has it: False for a client that may not set the model, else UNSET. `shares`: the session's links."""
        return UNSET if self.access != "read" and may_choose(self.share_id or UNSET, shares) else False

    def delay_s(self, size: int) -> float:
        """Seconds to wait before a message of this size is decoded: its user has sent much in a short time."""
        return self.bytes.spend(self.principal.user_id, size, time.monotonic()) if size > SMALL_BYTES else 0.0

    def refuse_unread(self, size: int) -> SubmissionRefusal | None:
        """Why what has this size (bytes or characters) is refused before anybody looks into it, or None."""
        if size <= SMALL_BYTES:
            return None
        if self.access == "read":
            return SubmissionRefusal(codes.FORBIDDEN, READ_ONLY)
        if self.rates.is_empty(self.principal.user_id, time.monotonic()):
            return self._too_many()
        return None

    def refuse(self, submission: Submission) -> SubmissionRefusal | None:
        """Why this submission is refused, or None. The rate limit does not count interrupts."""
        forbidden = refuse_submission(self.access, submission)
        if forbidden is not None:
            return SubmissionRefusal(codes.FORBIDDEN, forbidden)
        return None if isinstance(submission, Interrupt) else self.count()

    def count(self) -> SubmissionRefusal | None:
        """Count one submission against the rate limit; why it is refused, or None."""
        return None if self.rates.take(self.principal.user_id, time.monotonic()) else self._too_many()

    def _too_many(self) -> SubmissionRefusal:
        message = f"you submit more than {self.per_minute} times a minute; wait a moment"
        return SubmissionRefusal(codes.TOO_MANY_SUBMISSIONS, message)
