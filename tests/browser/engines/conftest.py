"""Fixtures of the other engines: one browser of each a worker, with one visitor, whose console must stay free of faults in each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.engines.firefox import Firefox
from tests.browser.engines.reader import Engine, Reader
from tests.browser.engines.webkit import WebKit
from tests.support.models.first_call import first_call


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=[Firefox, WebKit], ids=["firefox", "webkit"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """The browser of this worker."""
    kind: type[Firefox | WebKit] = request.param
    if not kind.is_here():
        pytest.skip(kind.MISSING)
    await first_call()
    async with kind() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def reader(engine: Engine) -> AsyncIterator[Reader]:
    """A person who was at no server of this test before."""
    person = Reader(await engine.window(), engine)
    try:
        yield person
    finally:
        await person.leave()
    if person.faults:
        raise AssertionError("in the browser: " + "\n".join(person.faults))
