"""Clock: the time of day in the form that the protocol uses."""

import time
from datetime import UTC, datetime
from functools import lru_cache

_FRACTIONS = tuple(f".{millisecond:03d}Z" for millisecond in range(1_000))


def utc_now() -> str:
    """The present time in UTC, in the form of RFC 3339 with milliseconds and `Z`."""
    second, millisecond = divmod(time.time_ns() // 1_000_000, 1_000)
    return _to_the_second(second) + _FRACTIONS[millisecond]


def rfc3339(at: datetime) -> str:
    """A time in UTC in the form of RFC 3339. These strings sort as their times do."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@lru_cache(maxsize=1)  # every event has a time, and thousands come in one second
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
