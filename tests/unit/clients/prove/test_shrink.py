"""Shrinking: the steps that show a violation are found among those that do not matter."""

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from clients.prove.shrink import shrink


def shortest(steps: Sequence[int], fails: Callable[[list[int]], bool], tries_max: int = 10_000) -> list[int]:
    candidates = shrink(steps, tries_max)
    try:
        candidate = next(candidates)
        while True:
            candidate = candidates.send(fails(candidate))
    except StopIteration as end:
        result: list[int] = end.value
        return result


def test_two_steps_that_matter_are_left_of_a_hundred() -> None:
    assert shortest(range(100), lambda steps: {17, 83} <= set(steps)) == [17, 83]


@given(st.sets(st.integers(0, 40), min_size=1))
def test_nothing_can_be_left_out_of_what_is_left(needed: set[int]) -> None:
    assert shortest(range(41), lambda steps: needed <= set(steps)) == sorted(needed)


def test_after_its_tries_it_returns_what_it_has() -> None:
    assert shortest(range(100), lambda steps: 95 in steps, tries_max=1) == list(range(50, 100))
