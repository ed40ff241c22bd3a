"""Fixtures: the ways to read a scripted model's stream, and tasks with an owner."""

import pytest

from tests.support.backends import SCRIPTED


@pytest.fixture(params=SCRIPTED)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[way for way in SCRIPTED if way.endswith("direct")])
def direct(request: pytest.FixtureRequest) -> str:
    return str(request.param)
