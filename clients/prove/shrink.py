"""Shrinking: finds fewer steps that still show a violation (delta debugging, Zeller and Hildebrandt 2002). Pure."""

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(steps: Sequence[T], tries_max: int) -> Generator[list[T], bool, list[T]]:
    """Yields lists of steps to try, takes whether each still fails, and returns the shortest that did.

    Parts are left out, the largest first; after `tries_max` tries it returns what it has.
    """
    shortest = list(steps)
    size = max(1, len(shortest) // 2)
    tries = 0
    while True:
        place = 0
        removed = False
        while place < len(shortest):
            candidate = shortest[:place] + shortest[place + size :]
            if tries >= tries_max:
                return shortest
            tries += bool(candidate)
            if candidate and (yield candidate):
                shortest, removed = candidate, True
            else:
                place += size
        if size == 1 and not removed:
            return shortest
        size = max(1, size // 2)
