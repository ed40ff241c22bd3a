"""What all tests of the page share: one Chromium a worker, and the tabs of a test, in which nothing may go wrong unseen."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.tabs import Tabs
from tests.faults.conftest import zygote

__all__ = ["zygote"]

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser belongs to the loop that started it: tests of the page share one loop, before any marker of their own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of this worker."""
    if CHROMIUM is None:
        pytest.skip("the tests of the page need chromium (Debian: apt install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(browser: Browser) -> AsyncIterator[Tabs]:
    """The tabs of this test, each in a context of its own unless it is opened beside another."""
    opened = Tabs(browser)
    yield opened
    await opened.close()
    opened.check()
