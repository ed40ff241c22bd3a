"""Ways to a scripted model, and tasks with an owner."""

from collections.abc import AsyncIterator

import pytest

from agent.tasks import TaskOwner
from tests.support.backends import SCRIPTED


@pytest.fixture(params=SCRIPTED)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[way for way in SCRIPTED if way.endswith("direct")])
def direct(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner("test")
    yield owner
    await owner.aclose()
