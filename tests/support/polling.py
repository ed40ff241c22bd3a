"""Polling: waits for a condition that nothing announces. No other file polls."""

import asyncio
import inspect
from collections.abc import Callable

PATIENCE_S = 45.0
LOOK_S = 0.01


async def eventually(holds: Callable[[], object], what: str = "it", patience_s: float = PATIENCE_S) -> None:
    """Wait until `holds` says so, or what it gives to be awaited does. Fails, naming `what`, if that takes too long."""
    try:
        async with asyncio.timeout(patience_s):
            while not await _result(holds):
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {patience_s:g} s") from None


async def _result(holds: Callable[[], object]) -> object:
    result = holds()
    return await result if inspect.isawaitable(result) else result
