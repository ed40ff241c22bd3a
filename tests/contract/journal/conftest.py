"""Fixtures of the contracts: the journal under test, for each backend in turn, and an owner of tasks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.journal.base import Journal
from tests.contract.journal.backends import BACKENDS, Reopen


@pytest.fixture(params=sorted(BACKENDS))
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Opens the journal; again after a clean stop."""
    opened: list[Journal] = []

    async def opening() -> Journal:
        if opened:
            await opened[-1].aclose()
        opened.append(await BACKENDS[request.param](tmp_path / "data"))
        return opened[-1]

    yield opening
    for journal in opened:
        await journal.aclose()


@pytest.fixture
async def journal(reopen: Reopen) -> Journal:
    return await reopen()
