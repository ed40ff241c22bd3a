"""Watchdog: a time limit on waiting for a provider, in which our own work does not count."""

import asyncio
from types import TracebackType
from typing import Self

ALIVE_FACTOR = 5
"""How many times longer a provider may take that shows it is alive: with comments, as llama.cpp does while it reads a prompt
and OpenRouter while a model is busy, or with empty events."""


class Watchdog:
    """Ends the block with TimeoutError when one wait in it lasts longer than the limit, or `ALIVE_FACTOR` times as long if
    signs of life came meanwhile.

    Cheaper than a timeout around every read: a read costs one call of the clock, and one timer checks the time that was
    noted. Nested cancellation works as in asyncio.timeout. Used once, by one task.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._began = self._silent_s = 0.0
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._timer: asyncio.TimerHandle | None = None

    def start_wait(self) -> None:
        """A wait begins."""
        self._began = self._since = self._loop.time()

    def end_wait(self) -> None:
        """The wait is over."""
        self._since = None

    def resume_wait(self) -> None:
        """What came was a sign of life and not what was waited for: the wait goes on."""
        self._since = self._loop.time()

    @property
    def expired(self) -> bool:
        """Whether a wait passed the limit and the task was cancelled for it."""
        return self._expired

    @property
    def because(self) -> str:
        """Why the wait ended, for a message."""
        if self._silent_s >= self._limit:
            return f"silent for {self._limit:g} s"
        return f"signs of life and nothing else for {self._limit * ALIVE_FACTOR:g} s"

    def limit(self, seconds: float) -> None:
        """Set the limit, also for the wait under way."""
        self._limit = seconds
        self._check_in(seconds)

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self.start_wait()
        self._check_in(self._limit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A task refers to the exception that ended it, and that to what was open then: kept, the task would be garbage.
        task, self._task = self._task, None
        assert task is not None
        assert self._timer is not None
        self._timer.cancel()
        if self._expired and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _check_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        assert self._task is not None
        if self._since is None:
            self._check_in(self._limit / 8)
            return
        now = self._loop.time()
        self._silent_s = now - self._since
        left = min(self._since + self._limit, self._began + self._limit * ALIVE_FACTOR) - now
        if left > 0:
            self._check_in(left)
        else:
            self._expired = True
            self._task.cancel()
