"""Submission policy: what is refused or delayed by its size, before it is decoded."""

import asyncio

from protocol import codes
from protocol.content import AccessLevel
from protocol.submissions import Interrupt, UserInput
from server.auth.principal import LOCAL
from server.util.rate_limit import KeyedRateLimiter
from server.websocket.policy import LARGE_BYTES_BURST, LARGE_BYTES_PER_S, SMALL_BYTES, SubmissionPolicy

LARGE = 1_048_576


def policy_of(access: AccessLevel = "owner", submissions: int = 1_000) -> SubmissionPolicy:
    large = KeyedRateLimiter(LARGE_BYTES_PER_S, LARGE_BYTES_BURST, 8)
    return SubmissionPolicy(LOCAL, access, KeyedRateLimiter(0.001, submissions, 8), large, submissions, asyncio.Lock())


def test_who_may_only_read_sends_nothing_large() -> None:
    policy = policy_of("read")
    assert policy.refuse_unread(SMALL_BYTES) is None
    refusal = policy.refuse_unread(SMALL_BYTES + 1)
    assert refusal is not None
    assert refusal.code == codes.FORBIDDEN
    assert policy_of("drive").refuse_unread(LARGE) is None


def test_who_has_submitted_too_much_sends_small_frames_only() -> None:
    policy = policy_of(submissions=1)
    assert policy.refuse(UserInput(text="a")) is None
    refusal = policy.refuse_unread(SMALL_BYTES + 1)
    assert refusal is not None
    assert refusal.code == codes.TOO_MANY_SUBMISSIONS
    assert policy.refuse_unread(SMALL_BYTES) is None
    assert policy.refuse(Interrupt()) is None


def test_large_messages_wait_once_their_user_has_sent_many_bytes() -> None:
    policy = policy_of()
    assert [policy.delay_s(LARGE) for _ in range(4)] == [0.0] * 4
    assert 0.9 < policy.delay_s(LARGE) <= 1.0
    assert policy.delay_s(SMALL_BYTES) == 0.0
