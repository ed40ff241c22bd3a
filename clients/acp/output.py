"""Output: lines for a file descriptor, written together at the end of each step of the loop, without blocking it."""

import asyncio
import os
from collections.abc import Callable

WAITING_BYTES_MAX = 1024 * 1024
"""Bytes that may wait for a reader; then nothing more is made until it has read some."""


class LineOutput:
    """Writes lines to `descriptor`. `on_broken` is called once if nobody reads it any more."""

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._flushing = False
        self._broken = False
        self._room = asyncio.Event()
        self._room.set()
        self._was_blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)

    def write(self, line: bytes) -> None:
        """Add a line; it is written soon."""
        if self._broken:
            return
        self._waiting += line
        self._waiting += b"\n"
        if len(self._waiting) > WAITING_BYTES_MAX:
            self._room.clear()
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    async def room(self) -> None:
        """Until less waits than may."""
        if not self._room.is_set():
            await self._room.wait()

    def close(self) -> None:
        """Write what waits, as far as it goes without waiting, and leave the descriptor as it was."""
        if not self._broken:
            if self._flushing:
                self._loop.remove_writer(self._descriptor)
            self._write()
        os.set_blocking(self._descriptor, self._was_blocking)

    def _flush(self) -> None:
        self._write()
        if self._waiting:
            self._loop.add_writer(self._descriptor, self._resume)
        else:
            self._flushing = False

    def _resume(self) -> None:
        self._write()
        if not self._waiting:
            self._loop.remove_writer(self._descriptor)
            self._flushing = False

    def _write(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._descriptor, self._waiting)]
        except BlockingIOError:
            pass  # the reader is slower: the loop says when it takes more
        except OSError:
            self._broken = True
            self._waiting.clear()
            self._on_broken()
        if len(self._waiting) <= WAITING_BYTES_MAX:
            self._room.set()
