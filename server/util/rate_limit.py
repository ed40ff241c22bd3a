"""Rate limits: token buckets, by user and by network address. The time is given to each call."""

import ipaddress
from functools import lru_cache

from server.util.hosts import parse_address
from server.util.lru_map import LruMap

ADDRESSES_MAX = 10_000
"""Addresses whose wrong credentials are counted, the longest quiet one forgotten first: about 2 MiB."""


class TokenBucket:
    """Holds up to `burst` tokens, refilled at `rate` a second."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._last: float | None = None

    def take(self, now: float) -> bool:
        """Take a token at `now` (seconds, monotonic); False if there is none."""
        if self.is_empty(now):
            return False
        self._tokens -= 1
        return True

    def spend(self, amount: float, now: float) -> float:
        """Take so many tokens at `now` (seconds, monotonic), also more than there are; seconds until none is owed."""
        self.is_empty(now)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)

    def is_empty(self, now: float) -> bool:
        """Whether there is no token at `now`."""
        if self._last is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        return self._tokens < 1


class KeyedRateLimiter:
    """A token bucket for each key, at most `keys_max` of them: the bucket of which nothing was taken longest is forgotten."""

    def __init__(self, rate: float, burst: float, keys_max: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: LruMap[str, TokenBucket] = LruMap(keys_max)

    def take(self, key: str, now: float) -> bool:
        """Take one of the key's tokens at `now` (seconds, monotonic); False if there is none."""
        bucket = self._buckets[key] = self._buckets.get(key) or TokenBucket(self._rate, self._burst)
        return bucket.take(now)

    def spend(self, key: str, amount: float, now: float) -> float:
        """Take so many of the key's tokens at `now` (seconds, monotonic); seconds until none is owed."""
        bucket = self._buckets[key] = self._buckets.get(key) or TokenBucket(self._rate, self._burst)
        return bucket.spend(amount, now)

    def is_empty(self, key: str, now: float) -> bool:
        """Whether the key has no token at `now`."""
        bucket = self._buckets.get(key)
        return bucket is not None and bucket.is_empty(now)


class LoginThrottle:
    """Counts wrong credentials by network address.

    Right credentials are not counted and always accepted, so that somebody who guesses does not lock out others behind
    the same proxy.
    """

    def __init__(self, failures_per_minute: int, addresses_max: int) -> None:
        self._failures_per_minute = failures_per_minute
        self._limiter = KeyedRateLimiter(failures_per_minute / 60, failures_per_minute, addresses_max)

    @property
    def retry_after_s(self) -> float:
        """Seconds after which a blocked address may try again."""
        return max(1.0, 60 / self._failures_per_minute)

    def record_failure(self, address: str, now: float) -> bool:
        """Count a failure at `now` (seconds, monotonic); False if it is one too many."""
        return self._limiter.take(network_of(address), now)

    def is_blocked(self, address: str, now: float) -> bool:
        """Whether the address has had too many failures."""
        return self._limiter.is_empty(network_of(address), now)


@lru_cache(ADDRESSES_MAX)
def network_of(address: str) -> str:
    """What one subscriber is usually given: the IPv4 address itself, or the IPv6 network of 64 bits."""
    ip = parse_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip) if ip is not None else address
