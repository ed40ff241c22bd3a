"""Backoff: pauses grow up to their bound, and begin anew after a reset."""

from hypothesis import given
from hypothesis import strategies as st

from agent.util.backoff import Backoff


@given(st.floats(0, 10), st.floats(0.01, 100), st.floats(1, 4), st.integers(1, 2_000))
def test_pauses_grow_to_their_limit_and_restart_after_a_reset(
    initial: float, most: float, factor: float, tries: int
) -> None:
    backoff = Backoff(initial, most, factor=factor)
    longest = min(initial, most)
    for _ in range(tries):
        assert longest / 2 <= backoff.next_s() <= longest
        longest = min(longest * factor, most)
    backoff.reset()
    assert backoff.next_s() <= min(initial, most)
