"""Watchdog: it ends a wait that is too long, ignores our own work, and never hides a cancellation."""

import asyncio

import pytest

from agent.models.streams.watchdog import Watchdog
from agent.util.tasks import TaskOwner


async def test_a_wait_that_is_too_long_ends_with_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        with Watchdog(0.02) as watchdog:
            await asyncio.Event().wait()
    assert watchdog.expired


async def test_work_between_waits_does_not_count() -> None:
    with Watchdog(0.05) as watchdog:
        watchdog.end_wait()
        await asyncio.sleep(0.15)
        watchdog.start_wait()
    assert not watchdog.expired


async def test_a_wait_that_goes_on_counts_from_its_beginning() -> None:
    async def pinged() -> None:
        with Watchdog(0.1) as watchdog:
            while True:
                watchdog.end_wait()
                watchdog.resume_wait()
                await asyncio.sleep(0.01)

    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await pinged()


async def test_a_new_limit_holds_from_the_next_wait() -> None:
    async def shortened() -> None:
        with Watchdog(60) as watchdog:
            watchdog.limit(0.02)
            watchdog.start_wait()
            await asyncio.Event().wait()

    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await shortened()


async def test_a_cancellation_from_outside_stays_one(tasks: TaskOwner) -> None:
    inside = asyncio.Event()

    async def guarded() -> None:
        with Watchdog(60):
            inside.set()
            await asyncio.Event().wait()

    task = tasks.start(guarded(), "guarded")
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_a_timeout_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError):
        with Watchdog(0.01):
            await asyncio.Event().wait()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
