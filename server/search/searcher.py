"""Searcher: brings the index up to date from the journal, and finds sessions in it."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from agent.util.executors import HolderExecutor
from agent.util.tasks import TaskOwner
from server.journal.base import Deleted, Journal, JournalError, NotFound, Stat
from server.search.index import TextIndex
from server.search.settings import SearchSettings
from server.search.texts import INDEX, Hit

log = logging.getLogger("holdfast.search")

CATCH_UP_S: Final = 1.0
"""Seconds that a search waits for sessions that lag; it finds what is in the index by then."""
READ_BYTES: Final = 1_048_576
BUILD_AFTER_S: Final = 20.0
"""Seconds after the server's start when all sessions that lag are read: people come first."""
BUILD_PAUSE_S: Final = 0.02
"""Between two sessions of those, so that they take a small part of one processor."""
TOLD_EVERY: Final = 500
"""Sessions after which the log says how far it is."""
SHRUNK_EVERY: Final = 100
"""Sessions after which the size of the index is looked at."""


class Found(msgspec.Struct, frozen=True):
    """What a search has found: the sessions, the newest first, each with its hit; `lagging`: sessions that were not read to their end."""

    hits: list[tuple[Stat, Hit]] = []
    lagging: int = 0


FAULTS: Final = (sqlite3.Error, OSError)
"""Of an index: one that cannot be opened, such as with an SQLite without FTS5, or is damaged."""


def create_search(
    journal: Journal, folder: Path, settings: SearchSettings, threads: HolderExecutor
) -> "SessionSearch | None":
    """The search with its index in this folder; None if the settings want none."""
    if not settings.text_bytes_max:
        return None
    return SessionSearch(journal, TextIndex(folder / INDEX, settings.text_bytes_max), threads)


class SessionSearch:
    """Search in the texts of sessions. `threads`: for the index. A fault of the index is logged, and finds nothing."""

    def __init__(self, journal: Journal, index: TextIndex, threads: HolderExecutor) -> None:
        self._journal = journal
        self._index = index
        self._threads = threads
        self._tasks = TaskOwner("search")
        self._lock = asyncio.Lock()
        self._read = 0

    def start(self) -> None:
        """Read all sessions that lag, in the background."""
        self._tasks.start(self._build(), "build")

    async def aclose(self) -> None:
        """Stop, and close the index."""
        await self._tasks.aclose()
        async with self._lock:
            await self._threads.run(self._index.close)

    async def find(self, user_id: str, words: str) -> Found:
        """The user's sessions in which something with these words was said. Raises `JournalError`, `PlacesTaken`."""
        stats = await self._journal.list(user_id)
        try:
            lagging = await self._lagging(stats)
            try:
                async with asyncio.timeout(CATCH_UP_S):
                    while lagging:
                        await self._catch_up(lagging[0])
                        del lagging[0]
            except TimeoutError:
                log.info("a search does not wait for %d sessions of its user", len(lagging))
            found = await self._threads.run(partial(self._index.find, user_id, words))
        except FAULTS as error:
            log.warning("only titles are searched: the index %s: %s", INDEX, error)
            return Found()
        hits = [(stat, found.pop(stat.row.session_id)) for stat in stats if stat.row.session_id in found]
        for session_id in found:
            await self.forget(session_id)  # another server has deleted it
        return Found(hits, len(lagging))

    async def forget(self, session_id: str) -> None:
        """A session was deleted: remove its texts."""
        try:
            await self._threads.run(partial(self._index.forget, [session_id]))
        except FAULTS as error:
            log.warning("session %s: its texts stay in the index until the next start: %s", session_id, error)

    async def _lagging(self, stats: Sequence[Stat]) -> list[Stat]:
        positions = await self._threads.run(self._index.positions)
        return [
            stat for stat in stats if (stat.head, stat.epoch) != positions.get(stat.row.session_id, (0, stat.epoch))
        ]

    async def _catch_up(self, stat: Stat) -> None:
        """Read a session on, to its end. One after the other: the next goes on where this one ended, if it is cut short."""
        row = stat.row
        async with self._lock:
            reading = await self._threads.run(partial(self._index.reading, row.session_id))
            try:
                if not await self._journal.good_position(row.session_id, reading.epoch, reading.seq):
                    await self._threads.run(partial(self._index.forget, [row.session_id]))  # what it read is lost
                    reading.seq = 0
                add = partial(self._index.add, row.session_id, row.user_id, row.last_active_at, stat.epoch)
                seq = await self._threads.run(partial(add, reading.seq, ()))
                while seq < stat.head:
                    records = await self._journal.read(row.session_id, seq, through=stat.head, max_bytes=READ_BYTES)
                    if not records:
                        break  # a new epoch began meanwhile, in which there are fewer
                    seq = await self._threads.run(partial(add, seq, [(record.seq, record.data) for record in records]))
            except (Deleted, NotFound):
                await self.forget(row.session_id)
        self._read += 1
        if self._read % SHRUNK_EVERY == 0:
            await self._shrink()

    async def _build(self) -> None:
        await asyncio.sleep(BUILD_AFTER_S)
        try:
            await self._read_all()
        except (*FAULTS, JournalError) as error:
            log.warning("the index of the search is not complete, searches bring it up to date: %s", error)

    async def _read_all(self) -> None:
        stats = await self._journal.list(None)
        there = {stat.row.session_id for stat in stats}
        gone = [name for name in await self._threads.run(self._index.positions) if name not in there]
        await self._threads.run(partial(self._index.forget, gone))
        lagging = await self._lagging(stats)
        for number, stat in enumerate(lagging, 1):
            await self._catch_up(stat)
            if number % TOLD_EVERY == 0:
                log.info("search: %d of %d sessions are read", number, len(lagging))
            await asyncio.sleep(BUILD_PAUSE_S)
        await self._shrink()

    async def _shrink(self) -> None:
        removed = await self._threads.run(self._index.shrink)
        if removed:
            log.info("search: the texts of %d sessions are left out (search.index_bytes_max)", removed)
