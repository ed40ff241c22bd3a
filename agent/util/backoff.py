"""Exponential backoff: the pauses between tries of something that failed."""

import random


class Backoff:
    """Pauses that grow from `initial_s` seconds by `factor` up to `max_s`, each shortened at random by up to a half.

    The random part keeps clients that failed together from coming back together (Marc Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015).
    """

    def __init__(self, initial_s: float, max_s: float, *, factor: float = 2.0) -> None:
        self._initial_s = min(initial_s, max_s)
        self._max_s = max_s
        self._factor = factor
        self._longest_s = self._initial_s

    def next_s(self) -> float:
        """Seconds to wait now; the next pause is longer."""
        longest_s, self._longest_s = self._longest_s, min(self._longest_s * self._factor, self._max_s)
        return longest_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with the shortest pause again, once what failed has worked for long enough."""
        self._longest_s = self._initial_s
