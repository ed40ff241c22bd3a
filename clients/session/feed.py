"""Feed: the bounded queue of outcomes for the consumer. Where it is full, the producer waits, and sees for how long."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """A bounded line of one producer and one consumer.

    `items_max` 0: nobody will read, and nothing is kept. `on_stall` is called each time the producer has waited
    `stall_s` seconds in which nothing was taken.
    """

    def __init__(self, items_max: int, stall_s: float, on_stall: Callable[[], None]) -> None:
        self._items: deque[T] = deque()
        self._items_max = items_max
        self._stall_s = stall_s
        self._on_stall = on_stall
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether `put` would wait."""
        return 0 < self._items_max <= len(self._items)

    async def put(self, item: T) -> None:
        """Add an item, once there is room."""
        while self.full:
            self._room.clear()
            try:
                async with asyncio.timeout(self._stall_s):
                    await self._room.wait()
            except TimeoutError:
                self._on_stall()
        if self._items_max:
            self._items.append(item)
            self._arrived.set()

    def discard(self) -> None:
        """Nobody reads any more: nothing is kept, and nobody waits for room."""
        self._items_max = 0
        self._items.clear()
        self._room.set()

    def end(self, last: T) -> None:
        """Add the last item, whether there is room or not."""
        if not self._ended:
            self._ended = True
            self._items.append(last)
            self._arrived.set()

    async def next(self) -> T | None:
        """The next item; None after the last."""
        while not self._items:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        self._room.set()
        return self._items.popleft()
