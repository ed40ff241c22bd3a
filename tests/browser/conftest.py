"""Fixtures of the page's tests: one Chromium a worker, and the tabs of a test, whose console must stay free of faults."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.support.tabs import Tabs
from tests.support.chromium import MISSING, browsing, chromium
from tests.support.models.first_call import first_call

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser belongs to the loop that started it: tests of the page share one loop, before any marker of their own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of this worker."""
    if chromium() is None:
        pytest.skip(MISSING)
    # The first call of a model imports LiteLLM, which on a busy machine takes longer than a test waits.
    await first_call()
    async with browsing() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(browser: Browser) -> AsyncIterator[Tabs]:
    """The tabs of this test, each in a context of its own unless it is opened beside another."""
    opened = Tabs(browser)
    yield opened
    await opened.close()
    opened.check()
