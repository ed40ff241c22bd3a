"""Fixtures of the web tools: an internet with one site."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.agent.tools.web.internet import HOST, PUBLIC, Internet, Site, site


@pytest.fixture
def internet() -> Internet:
    made = Internet()
    made.name(HOST, [PUBLIC])
    return made


@pytest.fixture
async def there(internet: Internet) -> AsyncIterator[Site]:
    async with site(internet) as server:
        yield server
