"""Sleeping states: loaded once, brought up to date, and bounded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol import events as ev
from protocol.codec import encode
from server.journal.base import AppendItem, Journal, Lease, Record
from server.journal.sqlite import open_journal
from server.sessions.ports.states import MESSAGE_CHARS, SleepingStates, size
from tests.unit.server.journal.builders import NOON, row


class CountingJournal:
    """A journal that counts how many loads begin, and what they read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.snapshots = 0
        self.read_after: list[int] = []

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        self.snapshots += 1
        return await self._journal.snapshot(session_id)

    async def read(self, session_id: str, after: int, **bounds: int) -> list[Record]:
        self.read_after.append(after)
        return await self._journal.read(session_id, after, **bounds)

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[CountingJournal]:
    opened = await open_journal(tmp_path)
    yield CountingJournal(opened)
    await opened.aclose()


async def titled(journal: CountingJournal, lease: Lease, seq: int, title: str) -> None:
    """Append an event by which the session is called so."""
    event = ev.TitleChanged(seq=seq, at=NOON, title=title)
    await journal._journal.append(AppendItem(lease, seq - 1, (Record(seq, seq, encode(event)),)))


async def test_a_state_is_loaded_once_and_only_brought_up_to_date_afterwards(journal: CountingJournal) -> None:
    lease = await journal._journal.create(row("s"))
    states = SleepingStates(journal, lambda: "model-of-the-day")  # type: ignore[arg-type]  # the rest is the journal's
    for seq, title in enumerate(("first", "second", "third"), 1):
        await titled(journal, lease, seq, title)
        for _ in range(3):
            view = (await states.load("s", "ann", seq)).view
            assert (view.seq, view.title, view.model) == (seq, title, "model-of-the-day")
    assert (journal.snapshots, journal.read_after) == (1, [0, 1, 2])


async def test_those_who_ask_at_once_share_one_load(journal: CountingJournal) -> None:
    lease = await journal._journal.create(row("s"))
    await titled(journal, lease, 1, "one")
    states = SleepingStates(journal, lambda: "m")  # type: ignore[arg-type]
    loaded = await asyncio.gather(*(states.load("s", "ann", 1) for _ in range(20)))
    assert journal.snapshots == 1
    assert all(state is loaded[0] for state in loaded)


async def test_the_states_used_last_are_kept_within_a_bound(journal: CountingJournal) -> None:
    for name in ("a", "b", "c"):
        await titled(journal, await journal._journal.create(row(name)), 1, name)
    states = SleepingStates(journal, lambda: "m", chars_max=2 * MESSAGE_CHARS)  # type: ignore[arg-type]
    for name in ("a", "b", "a", "c", "a"):
        assert size(await states.load(name, "ann", 1)) == MESSAGE_CHARS
    assert (journal.snapshots, len(states)) == (3, 2)
    await states.load("b", "ann", 1)
    assert journal.snapshots == 4, "b was used longest ago"
    states.forget("b")
    assert len(states) == 1


async def test_a_state_above_the_bound_is_given_and_not_kept(journal: CountingJournal) -> None:
    await journal._journal.create(row("s"))
    states = SleepingStates(journal, lambda: "m", chars_max=1)  # type: ignore[arg-type]
    assert (await states.load("s", "ann", 0)).view.seq == 0
    assert len(states) == 0
