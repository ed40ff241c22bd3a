"""The body's door: how often an address brought wrong credentials. Plain counting over a clock that is given to it."""

import ipaddress
from collections import OrderedDict

from server.util.hosts import parse_address

ADDRESSES_MAX = 10_000
"""Addresses whose wrong credentials are counted, the longest quiet one forgotten first: about 2 MiB."""


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


class LoginThrottle:
    """Counts at most `watched_max` addresses, the longest quiet one forgotten first.

    Good credentials are never counted and always let in, so that one who guesses does not lock out the others behind
    the same proxy.
    """

    def __init__(self, per_minute: int, watched_max: int) -> None:
        self._per_minute = per_minute
        self._watched_max = watched_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def retry_after_s(self) -> float:
        """When one who has tried too often may try again."""
        return max(1.0, 60 / self._per_minute)

    def record_failure(self, address: str, now: float) -> bool:
        """One more, at `now` (seconds, monotonic); False if it is one too many."""
        key = network_of(address)
        bucket = self._buckets.pop(key, None) or TokenBucket(self._per_minute / 60, self._per_minute)
        self._buckets[key] = bucket
        if len(self._buckets) > self._watched_max:
            self._buckets.popitem(last=False)
        return bucket.take(now)

    def is_blocked(self, address: str, now: float) -> bool:
        """Whether this address has used up its tries."""
        bucket = self._buckets.get(network_of(address))
        return bucket is not None and bucket.empty(now)


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or an IPv6 network of 64 bits."""
    ip = parse_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip) if ip is not None else address
