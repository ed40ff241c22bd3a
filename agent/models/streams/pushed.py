"""Pushed body: hands the blocks of a response's body to a function in the step of the event loop in which they come.

To wake a task for each costs several times what a token's decision and its append cost.
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from aiohttp import StreamReader

TakeBlock = Callable[[bytes], bool]
"""Takes a block of the body; gives whether the next one is to be handed over too."""


SAME_STEP_S = 0.000_5
"""A block that comes within so many seconds after one was taken is of the same step of the event loop, or of one that follows at once."""


class _Taker:
    """Stands where aiohttp's reader keeps the future of the task that waits for data. It has what is called of that."""

    __slots__ = ("_at", "_context", "_take", "_time", "ended")

    def __init__(self, take: TakeBlock) -> None:
        self._take = take
        self._context = contextvars.copy_context()  # of the task: what is logged says whose it is
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self._at = 0.0
        self.ended: asyncio.Future[None] = loop.create_future()

    def take(self, block: bytes) -> bool | None:
        """Hand a block over. False if it was the last; None if it was not taken: it came in one step of the loop with the one before."""
        if self._time() - self._at < SAME_STEP_S:
            return None
        is_wanted = self._context.run(self._take, block)
        self._at = self._time()  # however long that took: else large blocks of one step would all be taken in it
        return is_wanted

    def done(self) -> bool:
        """Whether the task goes on already."""
        return self.ended.done()

    def set_result(self, result: None) -> None:
        """Let the task go on: the body has ended, or is no longer taken."""
        if not self.ended.done():
            self.ended.set_result(result)

    def set_exception(self, error: BaseException) -> None:
        """The same: the task finds the exception in the reader."""
        self.set_result(None)


class PushedReader(StreamReader):
    """aiohttp's reader of a body. While a taker stands in it, it keeps no data.

    A stream that gives several blocks in one step of the loop is left to the task: that takes them together, and lets others run.
    """

    __slots__ = ()

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Hand the data to the taker, if there is one. It raises nothing: aiohttp would take that for a broken body."""
        waiter: Any = self._waiter
        is_wanted = waiter.take(data) if type(waiter) is _Taker else None
        if is_wanted is None:
            return super().feed_data(data, size)
        if not is_wanted:
            self._waiter = None
            waiter.set_result(None)
        return False

    def end_http_chunk_receiving(self) -> None:
        """Nothing is noted of data that is not kept."""
        waiter: Any = self._waiter
        if type(waiter) is not _Taker:
            super().end_http_chunk_receiving()

    def _read_nowait(self, n: int) -> bytes:
        """As many whole blocks as there are in `n` bytes, together: aiohttp does its bookkeeping for each."""
        held, offset = self._buffer, self._buffer_offset
        if n == -1 or not held or len(held[0]) - offset > n:
            return super()._read_nowait(n)
        self._timer.assert_timeout()
        blocks = [held.popleft()[offset:]]
        size = len(blocks[0])
        while held and (size := size + len(held[0])) <= n:
            blocks.append(held.popleft())
        data = b"".join(blocks)
        self._buffer_offset = 0
        self._size -= len(data)
        self._cursor += len(data)
        splits = self._http_chunk_splits
        while splits and splits[0] < self._cursor:
            splits.popleft()
        if self._size < self._low_water and len(splits or ()) < self._low_water_chunks:
            self._protocol.resume_reading()
        return data


async def push(reader: StreamReader, take: TakeBlock) -> None:
    """Hand what comes to `take` until that wants no more, or the body has ended or failed. What follows is for the reader's
    own methods. Returns at once where the reader holds data, has ended, or is of another kind."""
    if type(reader) is StreamReader:
        reader.__class__ = PushedReader
    held = reader._buffer or reader.is_eof() or reader.exception() is not None
    if type(reader) is not PushedReader or held or reader._waiter is not None or not reader._protocol.connected:
        return
    taker: Any = _Taker(take)
    reader._waiter = taker
    try:
        await taker.ended
    finally:
        if reader._waiter is taker:
            reader._waiter = None
