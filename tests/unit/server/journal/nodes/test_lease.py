"""Node lease: when a node may run sessions, and when it may declare another dead. Given, when, then; times are seconds."""

import pytest

from server.journal.nodes.lease import STUCK_S, NodeLease, ended, may_beat, may_declare, stored

LEASE = NodeLease(2.0)


def beaten(*beats: tuple[float, float]) -> NodeLease:
    """A lease after beats that were sent and known to be stored at these times."""
    lease = LEASE
    for sent, now in beats:
        lease = stored(lease, sent, now)
    return lease


def test_a_node_without_a_beat_may_run_nothing() -> None:
    assert not LEASE.is_good(0.0)
    assert not may_declare(LEASE, 100.0)


@pytest.mark.parametrize(("now", "good"), [(100.0, True), (101.69, True), (101.71, False), (102.0, False)])
def test_a_lease_ends_a_margin_before_the_database_says_so(now: float, good: bool) -> None:
    assert beaten((100.0, 100.0)).is_good(now) is good


def test_a_lease_counts_from_when_the_beat_was_sent_not_from_its_answer() -> None:
    assert not beaten((100.0, 101.8)).is_good(101.8)


def test_a_beat_whose_answer_comes_late_makes_no_lease_shorter() -> None:
    lease = beaten((100.0, 100.0), (100.5, 100.5))
    assert stored(lease, 99.0, 100.6).good_until == lease.good_until


@pytest.mark.parametrize(
    ("beats", "now", "may"),
    [
        ([0.0, 0.5, 1.0, 1.5], 1.5, False),  # not yet a whole lease
        ([0.0, 0.5, 1.0, 1.5, 2.0], 2.0, True),
        ([0.0, 1.9, 3.8], 3.8, True),  # late, but without a gap
        ([0.0, 0.5, 1.0, 1.5, 2.0, 4.1], 4.1, False),  # an outage: others need time to beat
        ([0.0, 0.5, 1.0, 1.5, 2.0, 4.1, 5.0, 6.0], 6.0, False),
        ([0.0, 0.5, 1.0, 1.5, 2.0, 4.1, 5.0, 6.0, 6.1], 6.1, True),
        ([0.0, 0.5, 1.0, 1.5, 2.0], 4.1, False),  # this node itself was away
    ],
)
def test_a_node_declares_others_dead_after_it_reached_the_database_for_a_lease(
    beats: list[float], now: float, may: bool
) -> None:
    assert may_declare(beaten(*((at, at) for at in beats)), now) is may


def test_a_node_that_begins_anew_has_no_lease_until_its_first_beat() -> None:
    lease = ended(beaten((100.0, 100.0)))
    assert not lease.is_good(100.0)
    assert stored(lease, 100.1, 100.1).is_good(100.2)


def test_a_node_whose_loop_is_stuck_beats_no_more() -> None:
    assert may_beat(answered_at=100.0, now=100.0 + STUCK_S - 0.1)
    assert not may_beat(answered_at=100.0, now=100.0 + STUCK_S)


def test_what_a_paused_node_left_is_killed_after_its_own_end_and_before_others_may_take_it() -> None:
    lease = beaten((100.0, 100.0))
    assert lease.good_until < lease.kill_at < 102.0
