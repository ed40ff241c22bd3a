"""Garbage collection: seldom made while modules are imported."""

import gc

from agent.util.garbage import SELDOM, seldom_collected


def test_it_is_seldom_made_meanwhile_and_the_thresholds_are_as_before_afterwards() -> None:
    before = gc.get_threshold()
    assert before[0] < SELDOM
    with seldom_collected():
        assert gc.get_threshold() == (SELDOM, *before[1:])
        with seldom_collected():
            pass
        assert gc.get_threshold()[0] == SELDOM
    assert gc.get_threshold() == before
