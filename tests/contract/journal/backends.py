"""Journals under test: every backend runs the same tests. A new backend is added here."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.journal.base import Journal
from server.journal.sqlite import open_journal

Reopen = Callable[[], Awaitable[Journal]]


def sqlite(request: pytest.FixtureRequest) -> Reopen:
    """Opens a journal in a folder."""
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: open_journal(folder / "data")


def postgres(request: pytest.FixtureRequest) -> Reopen:
    """Opens a journal in a database."""
    from server.journal.postgres.journal import open_postgres

    url: str = request.getfixturevalue("database")
    return lambda: open_postgres(url)


BACKENDS = {"postgres": postgres, "sqlite": sqlite}
