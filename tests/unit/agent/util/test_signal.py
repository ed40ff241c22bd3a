"""Signals: tasks wait for flags."""

import asyncio

from agent.util.signal import Latch, Signal
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


async def test_a_latch_lets_all_that_wait_go_on_and_whoever_comes_later() -> None:
    latch, tasks = Latch(), TaskOwner("test")
    cancelled, *others = [tasks.start(latch.wait(), "wait") for _ in range(3)]
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert not any(waiting.done() for waiting in others)
    latch.set()
    latch.set()
    await asyncio.gather(*others)
    await latch.wait()
