"""What the MCP tests are given."""

from collections.abc import AsyncIterator

import pytest

from agent.tasks import TaskOwner


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    """An owner for what a test runs beside itself."""
    owner = TaskOwner("test")
    yield owner
    await owner.aclose()
