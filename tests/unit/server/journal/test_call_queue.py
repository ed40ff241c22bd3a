"""Call queue: which calls are handed over together, and how long those wait that can."""

import asyncio

import pytest

from server.journal import call_queue
from server.journal.base import Unavailable
from server.journal.call_queue import CallQueue
from tests.support.polling import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_queue, "GATHER_S", 0.001)
    monkeypatch.setattr(call_queue, "SHARED_GATHER_S", 60.0)


def put(queue: CallQueue[None], count: int, *, can_wait: bool = True) -> None:
    for _ in range(count):
        queue.put(lambda _: None, can_wait=can_wait)


async def gathered() -> None:
    """All timers of a gathering that began before are over."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 3 * call_queue.GATHER_S, over.set)
    await over.wait()


async def began(*, shared: bool) -> CallQueue[None]:
    """A queue that has just handed over a call, so that the next ones wait."""
    queue: CallQueue[None] = CallQueue("here", 512, shared=shared)
    put(queue, 1, can_wait=False)
    assert len(queue.take()) == 1
    return queue


@pytest.mark.parametrize("shared", [False, True])
async def test_what_comes_in_one_turn_of_the_loop_is_handed_over_together_and_at_once(shared: bool) -> None:
    queue: CallQueue[None] = CallQueue("here", 512, shared=shared)
    put(queue, 5)
    assert queue.idle()
    await asyncio.sleep(0)
    assert len(queue.take()) == 5


async def test_calls_that_can_wait_are_handed_over_after_a_while_or_before_one_that_cannot() -> None:
    queue = await began(shared=False)
    put(queue, 15)
    await gathered()
    assert len(queue.take()) == 15
    put(queue, 2)
    put(queue, 1, can_wait=False)
    assert len(queue.take()) == 3


async def test_before_a_shared_database_a_middling_group_waits_for_a_larger_one() -> None:
    queue = await began(shared=True)
    put(queue, call_queue.SHARED_FEW)
    await gathered()
    assert queue.idle()
    put(queue, call_queue.SHARED_MANY - call_queue.SHARED_FEW)
    assert len(queue.take()) == call_queue.SHARED_MANY
    put(queue, call_queue.SHARED_MANY)
    assert queue.idle(), "the next group is gathered as the first was"
    await gathered()
    assert len(queue.take()) == call_queue.SHARED_MANY


@pytest.mark.parametrize("count", [call_queue.SHARED_FEW - 1, call_queue.SHARED_MANY])
async def test_before_a_shared_database_few_calls_and_many_wait_no_longer_than_elsewhere(count: int) -> None:
    queue = await began(shared=True)
    put(queue, count)
    await gathered()
    assert len(queue.take()) == count


async def test_a_group_that_waits_for_more_waits_for_a_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_queue, "SHARED_GATHER_S", 0.002)
    queue = await began(shared=True)
    put(queue, call_queue.SHARED_FEW)
    await eventually(lambda: not queue.idle(), "a group that waited for its time")
    assert len(queue.take()) == call_queue.SHARED_FEW


async def told(queue: CallQueue[None], *errors: Exception | None) -> list[Exception | None]:
    """What those are told whose operations end so."""
    heard: list[Exception | None] = []
    for _ in errors:
        queue.put_then(lambda _: None, heard.append)
    await asyncio.sleep(0)
    calls = queue.take()
    for call, error in zip(calls, errors, strict=True):
        call.error = error
    queue.report(calls)
    await eventually(lambda: len(heard) == len(errors), "everybody was told")
    return heard


async def test_who_waits_without_a_future_is_told_of_the_end_in_order() -> None:
    queue: CallQueue[None] = CallQueue("here", 512)
    failed = Unavailable("full")
    assert await told(queue, None, failed, None) == [None, failed, None]


async def test_who_waits_without_a_future_is_told_of_a_refusal_but_not_within_the_call() -> None:
    queue: CallQueue[None] = CallQueue("here", 512)
    queue.close()
    heard: list[Exception | None] = []
    queue.put_then(lambda _: None, heard.append)
    assert not heard
    await asyncio.sleep(0)
    assert [type(one) for one in heard] == [Unavailable]


async def test_a_callback_that_fails_takes_no_result_from_others() -> None:
    queue: CallQueue[None] = CallQueue("here", 512)
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def fails(error: Exception | None) -> None:
        raise ValueError(error)

    queue.put_then(lambda _: None, fails)
    behind = queue.put(lambda _: None, can_wait=True)
    await asyncio.sleep(0)
    queue.report(queue.take())
    await behind
    assert [type(fault) for fault in faults] == [ValueError]
