"""MCP pace: how fast one server's messages are read. A server that sends faster waits, as its pipe or socket fills up."""

import asyncio
import time
from typing import Final

MESSAGES_PER_S: Final = 200.0
"""Messages that are read of one server for good: each takes the library up to half a millisecond."""

MESSAGES_AT_ONCE: Final = 400.0
BYTES_PER_S: Final = 4_194_304.0
BYTES_AT_ONCE: Final = 33_554_432.0
"""Two of the largest messages are read without a pause."""


class Pace:
    """The pace of one connection."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._messages_due = self._bytes_due = now_s

    def take(self, now_s: float, messages: float, size: int) -> float:
        """Count messages and bytes that were read at this time, in seconds; how long to pause before the next."""
        self._messages_due = max(self._messages_due, now_s) + messages / MESSAGES_PER_S
        self._bytes_due = max(self._bytes_due, now_s) + size / BYTES_PER_S
        pause = self._messages_due - MESSAGES_AT_ONCE / MESSAGES_PER_S
        return max(0.0, pause - now_s, self._bytes_due - BYTES_AT_ONCE / BYTES_PER_S - now_s)

    async def wait(self, messages: float, size: int) -> None:
        """Count what was read, and pause as long as the pace asks."""
        pause = self.take(time.monotonic(), messages, size)
        if pause:
            await asyncio.sleep(pause)


class TooLong(Exception):
    """A line is longer than the bound."""


class Lines:
    """Bytes that come in pieces, as lines without their ends. A line has at most `bytes_max` bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete with these bytes. Raises TooLong."""
        first, *others = data.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > self._bytes_max:
            raise TooLong
        if not others:
            return []
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts, self._size = [others[-1]], len(others[-1])
        return lines
