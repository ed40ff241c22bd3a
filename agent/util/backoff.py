"""How long to wait before a server is tried again: longer each time, until one stays up for a while."""

import random

DOUBLINGS_MAX = 30


class Backoff:
    """Pauses from `initial_s`, doubled up to `max_s`, each shortened by up to a half so that servers do not come at once."""

    def __init__(self, initial_s: float, max_s: float) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._failed = 0

    def pause_s(self, up_s: float) -> float:
        """The next pause, of a server that was up for `up_s`; one that was so for the longest pause is as good as new."""
        if up_s >= self._max_s:
            self._failed = 0
        pause = min(self._initial_s * 2.0**self._failed, self._max_s)
        self._failed = min(self._failed + 1, DOUBLINGS_MAX)
        return pause * random.uniform(0.5, 1.0)
