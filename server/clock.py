"""The one clock: the time of day as the wire says it."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, UTC, RFC 3339 with milliseconds and a `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
