"""Pairs: measures two servers in turn, so that what else the machine does is shared by both."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


async def in_turn(
    both: tuple[S, S], measure_one: Callable[[S], Awaitable[T]], pairs: int, *, warm_up: bool = True
) -> list[tuple[T, T]]:
    """Both measured in turn, A B A B ...: the values of each pair. `warm_up`: one pair more, not counted."""
    ours, theirs = both
    values = [(await measure_one(ours), await measure_one(theirs)) for _ in range(pairs + warm_up)]
    return values[warm_up:]
