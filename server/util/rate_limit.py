"""The body's door: how often an address brought wrong credentials. Plain counting over a clock that is given to it."""

import ipaddress
from collections import OrderedDict

from server.util.hosts import parse_address
from server.util.rates import TokenBucket


class Failures:
    """Counts at most `watched_max` addresses, the longest quiet one forgotten first.

    Good credentials are never counted and always let in, so that one who guesses does not lock out the others behind
    the same proxy.
    """

    def __init__(self, per_minute: int, watched_max: int) -> None:
        self._per_minute = per_minute
        self._watched_max = watched_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def pause_s(self) -> float:
        """When one who has tried too often may try again."""
        return max(1.0, 60 / self._per_minute)

    def note(self, address: str, now: float) -> bool:
        """One more, at `now` (seconds, monotonic); False if it is one too many."""
        key = network_of(address)
        bucket = self._buckets.pop(key, None) or TokenBucket(self._per_minute / 60, self._per_minute)
        self._buckets[key] = bucket
        if len(self._buckets) > self._watched_max:
            self._buckets.popitem(last=False)
        return bucket.take(now)

    def tired(self, address: str, now: float) -> bool:
        """Whether this address has used up its tries."""
        bucket = self._buckets.get(network_of(address))
        return bucket is not None and bucket.empty(now)


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or an IPv6 network of 64 bits."""
    ip = parse_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip) if ip is not None else address
