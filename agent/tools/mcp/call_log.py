"""What a server says while a call runs, on its way to the session: bounded, and never a reason for the server to wait."""

import asyncio
from contextvars import ContextVar
from typing import Final


class CallLog:
    """Text of one call. `say` never waits: of what comes while too much waits, only the number is told."""

    def __init__(self, most_chars: int) -> None:
        self._most = most_chars
        self._waiting: list[str] = []
        self._chars = 0
        self._dropped = 0
        self._over = False
        self._news = asyncio.Event()

    def say(self, text: str) -> None:
        """One more line."""
        if self._chars + len(text) > self._most:
            self._dropped += 1
        else:
            self._waiting.append(text)
            self._chars += len(text) + 1
        self._news.set()

    def end(self) -> None:
        """There will be no more."""
        self._over = True
        self._news.set()

    async def next(self) -> str | None:
        """All lines that wait, or None once there will be no more."""
        while True:
            self._news.clear()
            lines, dropped = self._waiting, self._dropped
            if lines or dropped:
                self._waiting, self._chars, self._dropped = [], 0, 0
                if dropped:
                    lines.append(f"[{dropped} messages left out]")
                return "".join(f"{line}\n" for line in lines)
            if self._over:
                return None
            await self._news.wait()


CURRENT: Final[ContextVar[CallLog | None]] = ContextVar("holdfast_mcp_call", default=None)
"""The call in whose context a message of a server arrives: over HTTP that of the request it is an answer to."""


def progress_line(progress: float, total: float | None, message: str | None) -> str:
    """A progress notification for a person."""
    share = f"{progress:g}/{total:g}" if total is not None else f"{progress:g}"
    return f"[{share}] {message}" if message else f"[{share}]"
