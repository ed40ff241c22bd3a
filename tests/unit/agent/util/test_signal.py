"""Signal: one task waits for a flag."""

import asyncio

from agent.util.signal import Signal
from agent.util.tasks import TaskOwner


async def test_a_wait_returns_once_the_signal_is_set_and_waits_again_after_clear() -> None:
    signal, tasks = Signal(), TaskOwner("test")
    waiting = tasks.start(signal.wait(), "wait")
    await asyncio.sleep(0)
    assert not waiting.done()
    signal.set()
    signal.set()
    await waiting
    await signal.wait()
    signal.clear()
    again = tasks.start(signal.wait(), "wait")
    await asyncio.sleep(0)
    assert not again.done()
    await tasks.aclose()


async def test_a_cancelled_wait_leaves_the_signal_for_the_next() -> None:
    signal, tasks = Signal(), TaskOwner("test")
    cancelled = tasks.start(signal.wait(), "wait")
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    signal.set()
    await signal.wait()
