"""Reading: reads the whole of a provider's stream into the reply that is assembled."""

import asyncio
import time
from collections.abc import Sequence

from agent.models.streams.assembler import ResponseAssembler
from agent.models.streams.watchdog import Watchdog
from agent.models.types import ProviderStream, StreamChunk

_YIELD_AFTER_S = 0.002
"""Seconds of uninterrupted work after which a reader lets other tasks run."""
_WAITING_READ_S = 0.005
"""A read that took this many seconds has waited, so other tasks have run: reading alone is never that slow."""


async def read_all(
    stream: ProviderStream, response: ResponseAssembler, watchdog: Watchdog, stall_timeout_s: float
) -> None:
    """Read the whole stream. Lets other tasks run every few milliseconds, because a read need not wait.

    `stall_timeout_s`: the limit of each wait after the first token.

    After the first token the stream may hand over chunks as they come, while this waits. Raises ModelError.
    """

    def take(chunks: Sequence[StreamChunk]) -> bool:
        if not response.take(chunks):
            return False
        if chunks:
            watchdog.start_wait()
        else:
            watchdog.resume_wait()
        return True

    yielded_at = before = time.perf_counter()
    while (chunks := await stream.read(take if response.started else None)) is not None:
        now = time.perf_counter()
        if now - before > _WAITING_READ_S:
            yielded_at = now
        watchdog.end_wait()
        waited_for_first = not response.started
        if chunks:
            await response.feed(chunks)
        if waited_for_first and response.started:
            watchdog.limit(stall_timeout_s)
        before = time.perf_counter()
        if before - yielded_at > _YIELD_AFTER_S:
            await asyncio.sleep(0)
            yielded_at = before = time.perf_counter()
        if response.started and chunks:
            watchdog.start_wait()
        else:
            watchdog.resume_wait()
