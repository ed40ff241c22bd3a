"""Garbage: makes full collections of reference cycles while no session works, as the event loop stands still meanwhile."""

import asyncio
import gc
from collections.abc import Callable

from agent.util.tasks import TaskOwner

LOOK_EVERY_S = 60.0

WORTH_IT = 100
"""Collections of young objects, some 7,000 new ones each, after which a full one is made at the next quiet moment. It takes 0.5 µs for each
object that is tracked: 130 ms where 1,000 sessions are awake. Python would make one after 10, whoever is being answered."""

AT_ONCE = 1_000
"""As many after which Python makes one at any moment. The work of sessions leaves no cycles, as far as is known; libraries may."""


class FullCollections:
    """Makes full collections while nothing `works`, instead of Python."""

    def __init__(self, works: Callable[[], bool]) -> None:
        self._works = works
        self._before = gc.get_threshold()
        self._tasks = TaskOwner("garbage")

    def start(self) -> None:
        """Start the task."""
        gc.set_threshold(*self._before[:2], AT_ONCE)
        self._tasks.start(self._run(), "look")

    async def aclose(self) -> None:
        """Stop; Python makes them again."""
        gc.set_threshold(*self._before)
        await self._tasks.aclose()

    def look(self) -> None:
        """Make one if that is worth it, and the moment is quiet."""
        if gc.get_count()[2] >= WORTH_IT and not self._works():
            gc.collect()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()
