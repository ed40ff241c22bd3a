"""How fast somebody may go: a token bucket over a clock that is given to it."""


class TokenBucket:
    """Holds up to `burst` tokens, refilled at `rate` a second."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._last: float | None = None

    def take(self, now: float) -> bool:
        """Take a token at `now` (seconds, monotonic); False if there is none."""
        if self.empty(now):
            return False
        self._tokens -= 1
        return True

    def empty(self, now: float) -> bool:
        """Whether there is none to take at `now`."""
        if self._last is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        return self._tokens < 1
