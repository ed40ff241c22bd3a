"""Call queue: hands calls from the event loop to the journal's threads, and their results back, a group at a time."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import msgspec

from server.journal.base import Unavailable

log = logging.getLogger("holdfast.journal")

WAITING_MAX = 10_000
"""Calls that may wait for the writer, and as many for the readers. The disk is far behind by then (some seconds of full
load), and each call holds its data in memory."""

GATHER_S = 0.008
"""Calls that can wait are handed over at most so often. A commit costs many times what an event in it costs, so the text of all
streams within that time is committed together. A reader notices no delay below some 20 ms."""

SHARED_GATHER_S = 0.016
SHARED_FEW, SHARED_MANY = 4, 16
"""Where several servers commit to one database, and there are at least so many calls but fewer than so many after `GATHER_S`: how long
they wait for more. The sessions of one server come in smaller groups then, and it is the database that pays for each commit."""

S = TypeVar("S")
T = TypeVar("T")

Then = Callable[[Exception | None], None]
"""What is called when an operation has ended: with its error, or with None."""


class Call(msgspec.Struct, Generic[S], eq=False):
    """One operation for a thread to run on its `S`, with its result or error, and who is told of that."""

    operation: "Callable[[S], Any]"
    waiter: "asyncio.Future[Any] | Then"
    result: Any = None
    error: Exception | None = None


class CallQueue(Generic[S]):
    """A bounded queue of calls. The event loop uses `put` and `close`, the threads `take`, `idle` and `report`."""

    def __init__(self, where: Path | str, group_max: int, *, shared: bool = False) -> None:
        """`where`: the file or the server that the calls go to; it begins every message. `shared`: other servers use it too.

        `group_max`: calls that are handed over together. What `take` returns is less than twice as many.
        """
        self.where = where
        self._group_max = group_max
        self._shared = shared
        self._enough = group_max
        """Calls that are handed over as soon as they are gathered."""
        self._timer: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._closed = False
        self._gathered: list[Call[S]] = []
        self._hand_over_at = 0.0
        # None is the end; it stays in the queue, so that every thread finds it. `_waiting` bounds the rest. Calls that are handed
        # over together are one entry: each wakes a thread.
        self._queue: SimpleQueue[list[Call[S]] | None] = SimpleQueue()

    def put(self, operation: Callable[[S], T], *, can_wait: bool = False) -> "asyncio.Future[T]":
        """Queue a call; a future of its result. It fails with `Unavailable` if the queue is full or closed.

        `can_wait`: the call may wait for `GATHER_S` for others. The order of calls is kept. If the future is cancelled the call is
        made all the same.
        """
        waiter: asyncio.Future[T] = self._loop.create_future()
        refusal = self._add(Call(operation, waiter), can_wait=can_wait)
        if refusal is not None:
            waiter.set_exception(refusal)
        return waiter

    def put_then(self, operation: Callable[[S], None], then: Then) -> None:
        """As `put`, of a call that may wait: `then` is called later in the event loop, and no future is made."""
        refusal = self._add(Call(operation, then), can_wait=True)
        if refusal is not None:
            self._loop.call_soon(then, refusal)

    def _add(self, call: Call[S], *, can_wait: bool) -> Unavailable | None:
        """Queue it, or say why not."""
        if self._closed:
            return self._unavailable("the journal is closed: the server is stopping")
        if self._waiting >= WAITING_MAX:
            return self._unavailable(f"{self._waiting} calls wait already: the disk is too slow for this load")
        self._waiting += 1
        self._gathered.append(call)
        if not can_wait or len(self._gathered) >= self._enough:
            self._hand_over()
        elif self._timer is None:
            # At once, that is, with what else comes in this turn of the loop.
            due = self._loop.time() >= self._hand_over_at
            self._timer = (
                self._loop.call_soon(self._hand_over)
                if due
                else self._loop.call_at(self._hand_over_at, self._hand_over_or_wait)
            )
        return None

    def _hand_over_or_wait(self) -> None:
        """Give the gathered calls to the threads, or have them wait for more."""
        if self._shared and SHARED_FEW <= len(self._gathered) < SHARED_MANY:
            self._enough = SHARED_MANY
            self._hand_over_at += SHARED_GATHER_S - GATHER_S
            self._timer = self._loop.call_at(self._hand_over_at, self._hand_over)
        else:
            self._hand_over()

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(f"{self.where}: {why}", self.where if isinstance(self.where, Path) else None)

    def _hand_over(self) -> None:
        """Give the gathered calls to the threads."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._enough = self._group_max
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []
        self._hand_over_at = self._loop.time() + GATHER_S

    def close(self) -> None:
        """Take no more calls; those that wait are still run."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)

    def idle(self) -> bool:
        """Whether no call waits."""
        return self._queue.empty()

    def take(self) -> list[Call[S]]:
        """Wait for calls and take all that wait, until they are a group; none at the end."""
        group: list[Call[S]] = []
        while (calls := self._queue.get()) is not None:
            group += calls
            if len(group) >= self._group_max or self._queue.empty():
                return group
        self._queue.put(None)
        return group

    def report(self, calls: list[Call[S]]) -> None:
        """Give the callers their results, all at once."""
        self.on_loop(lambda: self._deliver(calls))

    def on_loop(self, callback: Callable[[], None]) -> None:
        """Run `callback` in the event loop."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            log.warning("%s: the event loop ended before the journal was closed", self.where)

    def _deliver(self, calls: list[Call[S]]) -> None:
        self._waiting -= len(calls)
        for call in calls:
            waiter = call.waiter
            if not isinstance(waiter, asyncio.Future):
                self._tell(waiter, call.error)
            elif waiter.done():
                continue
            elif call.error is None:
                waiter.set_result(call.result)
            else:
                waiter.set_exception(call.error)

    def _tell(self, then: Then, error: Exception | None) -> None:
        """Call `then`. What it raises is for the event loop, as of any callback; the other calls get their results."""
        try:
            then(error)
        except Exception as fault:  # noqa: BLE001  # see above
            self._loop.call_exception_handler({"message": f"{self.where}: a callback failed", "exception": fault})
