"""Journals under test: every backend runs the same tests. A new backend is added here."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from server.journal.base import Journal
from server.journal.sqlite import open_journal

Reopen = Callable[[], Awaitable[Journal]]


async def open_sqlite(folder: Path) -> Journal:
    return await open_journal(folder)


BACKENDS = {"sqlite": open_sqlite}
