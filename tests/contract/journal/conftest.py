"""Fixtures of the contracts: the journal under test, for each backend in turn, and an owner of tasks."""

from collections.abc import AsyncIterator

import pytest

from server.journal.base import Journal
from tests.contract.journal.backends import BACKENDS, Reopen


@pytest.fixture(params=sorted(BACKENDS))
async def reopen(request: pytest.FixtureRequest) -> AsyncIterator[Reopen]:
    """Opens the journal; again after a clean stop."""
    opened: list[Journal] = []
    open_it = BACKENDS[request.param](request)

    async def opening() -> Journal:
        if opened:
            await opened[-1].aclose()
        opened.append(await open_it())
        return opened[-1]

    yield opening
    for journal in opened:
        await journal.aclose()


@pytest.fixture
async def journal(reopen: Reopen) -> Journal:
    return await reopen()
