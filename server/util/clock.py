"""Clock: the time of day in the form that the protocol uses."""

from datetime import UTC, datetime


def utc_now() -> str:
    """The present time in UTC, in the form of RFC 3339 with milliseconds and `Z`."""
    return rfc3339(datetime.now(UTC))


def rfc3339(at: datetime) -> str:
    """A time in UTC in the form of RFC 3339. These strings sort as their times do."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
