"""Text on its way from a thread to the event loop: bounded, in order, joined while the reader is slow."""

import asyncio
import threading

from agent.hub.errors import CallStopped

CHARS_MAX = 65_536
"""Text that may wait for the reader; then the writing thread waits."""


class ThreadPipe:
    """`put` and `end` are for the thread, `take` and `close` for the loop in which it was made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._room = threading.Condition()
        self._parts: list[str] = []
        self._size = 0
        self._ended = False
        self._closed = False

    def put(self, text: str) -> None:
        """Waits while too much waits. Raises Stopped once nobody reads."""
        with self._room:
            self._room.wait_for(lambda: self._size < CHARS_MAX or self._closed)
            if self._closed:
                raise CallStopped
            self._parts.append(text)
            self._size += len(text)
        self._loop.call_soon_threadsafe(self._ready.set)

    def end(self) -> None:
        """There will be no more."""
        with self._room:
            self._ended = True
        self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> str | None:
        """All that waits, once there is something; None after the end."""
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
        """Nobody reads any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()
