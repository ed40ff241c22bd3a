"""Polling: waits for a condition that nothing announces. No other file polls."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 45.0
LOOK_S = 0.01


async def eventually(
    holds: Callable[[], object], what: str = "it", patience_s: float = PATIENCE_S, look_s: float = LOOK_S
) -> None:
    """Wait until `holds` says so, or what it gives to be awaited does. Fails, naming `what`, if that takes too long.

    `look_s`: from one look to the next, in seconds; more where a look costs much.
    """
    try:
        async with asyncio.timeout(patience_s):
            while not await _result(holds):
                await asyncio.sleep(look_s)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {patience_s:g} s") from None


async def until_done(call: Callable[[], Awaitable[T]], *refusals: type[Exception], patience_s: float = PATIENCE_S) -> T:
    """What a call gives, which is made again for as long as it raises one of these. Fails with the last of them."""
    given_up = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await call()
        except refusals:
            if asyncio.get_running_loop().time() > given_up:
                raise
            await asyncio.sleep(LOOK_S)


async def _result(holds: Callable[[], object]) -> object:
    result = holds()
    return await result if inspect.isawaitable(result) else result
