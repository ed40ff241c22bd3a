"""Call places: how many calls of one model may run at once, for servers that answer one at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from agent.models.errors import model_error


class CallPlaces:
    """Places by model. Calls wait for one in the order they came; as many wait as sessions call models."""

    def __init__(self) -> None:
        self._places: dict[str, asyncio.Semaphore] = {}

    @contextlib.asynccontextmanager
    async def take(self, model: str, at_once: int, *, optional: bool) -> AsyncIterator[None]:
        """Hold a place while the block runs. `at_once`: of how many; 0: no bound.

        Raises ModelError (model_unavailable) for an `optional` call that would have to wait.
        """
        if not at_once:
            yield
            return
        places = self._places.setdefault(model, asyncio.Semaphore(at_once))
        if optional and places.locked():
            raise model_error("model_unavailable", model, because="other calls of it are running", retryable=False)
        async with places:
            yield
