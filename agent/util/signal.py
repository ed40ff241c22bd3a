"""Signals: flags that tasks wait for, small while nobody does."""

import asyncio


class Signal:
    """As asyncio.Event for a single waiter, in a tenth of its memory: an idle session and its socket would hold several."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let `wait` return, now or when it is called."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Let `wait` wait again."""
        self._is_set = False

    async def wait(self) -> None:
        """Return once it is set."""
        if self._is_set:
            return
        assert self._waiter is None, "only one task may wait"
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Latch:
    """A flag that is set once and stays set. Any number of tasks may wait for it."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: asyncio.Future[None] | None = None  # while somebody waits

    def set(self) -> None:
        """Let `wait` return, from now on at once."""
        self._is_set = True
        if self._waiters is not None and not self._waiters.done():
            self._waiters.set_result(None)

    async def wait(self) -> None:
        """Return once it is set."""
        if self._is_set:
            return
        if self._waiters is None:
            self._waiters = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._waiters])  # a waiter that is cancelled leaves it to the others
