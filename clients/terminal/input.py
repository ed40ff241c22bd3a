"""Line reader: lines of a file descriptor, read in a thread that can be stopped at any time."""

import asyncio
import codecs
import os
import select
import threading
from collections import deque
from collections.abc import Iterator

READ_BYTES = 65_536

LINE_MAX_CHARS = 4 * 1024 * 1024
"""A longer line is cut; it is far past what a server takes, and is refused as a whole."""

JOIN_S = 1.0
"""Seconds the thread is waited for; only a terminal that another process reads too can hold it up longer."""

LINES_AHEAD = 64
"""Lines read and not yet taken; then the descriptor is not read."""


class LineReader:
    """Lines of `descriptor`, without their ends. One reader, made and used on the running loop.

    The thread waits in `select`, with a pipe beside the descriptor to be woken by. `input()` in a thread cannot be
    woken: it would hold up the end of the process until somebody presses enter.
    """

    def __init__(self, descriptor: int, line_max_chars: int = LINE_MAX_CHARS) -> None:
        self._line_max_chars = line_max_chars
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._room = threading.Semaphore(LINES_AHEAD)
        self._closing = threading.Event()
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._lines)

    async def next(self) -> str | None:
        """The next line; None at the end."""
        while not self._lines:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        self._room.release()
        return self._lines.popleft()

    def close(self) -> None:
        """End the thread, whatever it waits for."""
        if not self._closing.is_set():
            self._closing.set()
            self._room.release()
            os.write(self._wake, b"x")
            self._thread.join(JOIN_S)
            if not self._thread.is_alive():
                os.close(self._wake)
                os.close(self._woken)

    def _run(self) -> None:
        for line in split_lines(self._pieces(), self._line_max_chars):
            self._room.acquire()
            if self._closing.is_set():
                return
            self._loop.call_soon_threadsafe(self._take, line)
        if not self._closing.is_set():
            self._loop.call_soon_threadsafe(self._end)

    def _pieces(self) -> Iterator[bytes]:
        while True:
            ready, _, _ = select.select([self._descriptor, self._woken], [], [])
            if self._woken in ready:
                return
            try:
                piece = os.read(self._descriptor, READ_BYTES)
            except OSError:
                # A terminal that was hung up: there will be no more lines.
                return
            if not piece:
                return
            yield piece

    def _take(self, line: str) -> None:
        self._lines.append(line)
        self._arrived.set()

    def _end(self) -> None:
        self._ended = True
        self._arrived.set()


def split_lines(pieces: Iterator[bytes], most: int = LINE_MAX_CHARS) -> Iterator[str]:
    """Lines of UTF-8 in pieces, without their ends; the last one may have none. Bad bytes become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    begun: list[str] = []
    size = 0
    for piece in pieces:
        *complete, rest = decoder.decode(piece).split("\n")
        for part in complete:
            yield "".join([*begun, part])[:most].removesuffix("\r")
            begun, size = [], 0
        if rest and size < most:
            begun.append(rest)
            size += len(rest)
    last = "".join([*begun, decoder.decode(b"", final=True)])
    if last:
        yield last[:most].removesuffix("\r")
