"""The one clock: the time of day as the wire says it."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, UTC, RFC 3339 with milliseconds and a `Z`."""
    return rfc3339(datetime.now(UTC))


def rfc3339(at: datetime) -> str:
    """A time in UTC, in the same form, so that these strings are ordered as the times are."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
