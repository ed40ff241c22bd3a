"""Pairs: measures two servers in turn, so that what else the machine does is shared by both."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


async def in_turn(
    both: tuple[S, S], measure_one: Callable[[S], Awaitable[T]], pairs: int, *, warm_up: bool = True
) -> list[tuple[T, T]]:
    """Both measured in turn: the values of each pair. `warm_up`: one pair more, not counted.

    In every second pair the other one begins (A B B A ...): who begins may pay for what wakes up.
    """
    ours, theirs = both
    values: list[tuple[T, T]] = []
    for number in range(pairs + warm_up):
        if number % 2:
            last = await measure_one(theirs)
            values.append((await measure_one(ours), last))
        else:
            values.append((await measure_one(ours), await measure_one(theirs)))
    return values[warm_up:]
