"""Timeouts of tests: one that the event loop has logged and forgotten comes again."""

import asyncio
import time

import pytest
from pytest_timeout import Settings  # type: ignore[import-untyped]  # it has no types


def test_a_timeout_that_comes_in_a_callback_of_the_loop_ends_the_test_all_the_same(
    request: pytest.FixtureRequest,
) -> None:
    hook, item = request.config.hook, request.node

    def busy() -> None:
        hook.pytest_timeout_set_timer(item=item, settings=Settings(0.1, "signal", False, False))
        time.sleep(5)

    async def stuck() -> None:
        asyncio.get_running_loop().call_soon(busy)
        await asyncio.wait_for(asyncio.Event().wait(), 30)

    try:
        with pytest.raises(pytest.fail.Exception, match="Timeout"):
            asyncio.run(stuck())
    finally:
        hook.pytest_timeout_cancel_timer(item=item)
