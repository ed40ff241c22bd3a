"""Reconnecting: what a client does after each ending."""

import random

import pytest

from clients.session.reconnect import Action, Backoff, after_close, after_denial
from protocol import codes

ACTIONS = {
    "stays away": Action.STAY_AWAY,
    "comes back with its position": Action.COME_BACK,
    "comes back with its position, backing off with jitter": Action.COME_BACK,
    "logs in, comes back": Action.LOG_IN,
    "forgets it": Action.FORGET,
}


@pytest.mark.parametrize("code", sorted(codes.CLOSES))
def test_each_close_code_is_answered_as_the_protocol_asks(code: int) -> None:
    assert after_close(code) is ACTIONS[codes.CLOSES[code].client]


def test_a_cut_without_a_close_code_asks_to_come_back() -> None:
    assert after_close(None) is Action.COME_BACK


@pytest.mark.parametrize("code", [1005, 1006, 1013, 1014, 3000])
def test_an_unexplained_close_means_reconnect(code: int) -> None:
    assert after_close(code) is Action.COME_BACK


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 4000, 4999])
def test_an_ending_that_would_repeat_itself_asks_to_stay_away(code: int) -> None:
    assert after_close(code) is Action.STAY_AWAY


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (400, Action.STAY_AWAY),
        (401, Action.LOG_IN),
        (403, Action.STAY_AWAY),
        (404, Action.FORGET),
        (429, Action.COME_BACK),
        (502, Action.COME_BACK),
        (503, Action.COME_BACK),
        (307, Action.STAY_AWAY),
    ],
)
def test_each_refusal_of_the_upgrade_has_its_answer(status: int, action: Action) -> None:
    assert after_denial(status) is action


def test_the_jitter_is_full_and_capped() -> None:
    backoff, rng = Backoff(base_s=1.0, cap_s=8.0), random.Random(7)
    for attempt, bound in [(0, 1.0), (2, 4.0), (3, 8.0), (10, 8.0), (10_000, 8.0)]:
        delays = [backoff.delay(attempt, rng) for _ in range(500)]
        assert all(0.0 <= delay <= bound for delay in delays)
        assert min(delays) < bound / 10
        assert max(delays) > bound * 0.9
