"""How fast somebody may go: a token bucket over a clock that is given to it."""

from collections import OrderedDict


class UserRates:
    """A bucket for each user, however many sockets and sessions they have."""

    def __init__(self, rate: float, burst: float, users_max: int) -> None:
        self._rate = rate
        self._burst = burst
        self._users_max = users_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, user_id: str, now: float) -> bool:
        """Take one of the user's tokens at `now` (seconds, monotonic); False if there is none."""
        bucket = self._buckets.get(user_id)
        if bucket is None:
            bucket = self._buckets[user_id] = TokenBucket(self._rate, self._burst)
            if len(self._buckets) > self._users_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(user_id)
        return bucket.take(now)


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
