"""Thread pipe: carries text from a thread to the event loop, bounded and in order; joins it while the reader is slow."""

import asyncio
import threading

from agent.hub.errors import CallStopped

CHARS_MAX = 65_536
"""Code points that may wait for the reader; beyond it the writing thread blocks."""


class ThreadPipe:
    """Create it in the event loop that reads. `put` and `end` are for the thread, `take` and `close` for the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._room = threading.Condition()
        self._parts: list[str] = []
        self._size = 0
        self._ended = False
        self._closed = False

    def put(self, text: str) -> None:
        """Add text; blocks while the pipe is full. Raises CallStopped after `close`."""
        with self._room:
            self._room.wait_for(lambda: self._size < CHARS_MAX or self._closed)
            if self._closed:
                raise CallStopped
            self._parts.append(text)
            self._size += len(text)
        self._loop.call_soon_threadsafe(self._ready.set)

    def end(self) -> None:
        """Mark the end of the text."""
        with self._room:
            self._ended = True
        self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> str | None:
        """Wait for text and take all of it; None after the end."""
        while True:
            with self._room:
                if self._parts:
                    text = "".join(self._parts)
                    self._parts.clear()
                    self._size = 0
                    self._room.notify_all()
                    return text
                if self._ended:
                    return None
            await self._ready.wait()
            self._ready.clear()

    def close(self) -> None:
        """Stop reading: `put` raises from now on."""
        with self._room:
            self._closed = True
            self._room.notify_all()
