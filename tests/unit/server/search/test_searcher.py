"""Searcher: what a journal lost when it was put back is not found any more, although its events have the same numbers."""

import shutil
from pathlib import Path

import msgspec

from server.journal.sqlite import open_journal
from server.search.searcher import create_search
from server.search.settings import SearchSettings
from tests.support.executors import conversion
from tests.unit.server.journal.builders import begin, item


def said(*texts: str) -> tuple[str, ...]:
    """An event of a model that says it, for each."""
    return tuple(
        msgspec.json.encode({"type": "assistant_message", "message_id": text, "text": text}).decode() for text in texts
    )


async def test_what_a_journal_that_was_put_back_does_not_hold_is_not_found(tmp_path: Path) -> None:
    async def run(say: tuple[str, ...], *words: str) -> list[list[str]]:
        journal = await open_journal(tmp_path)
        if not await journal.list():
            await begin(journal, "s", *said("first"))
            await begin(journal, "rests", *said("first of another"))
        lease = await journal.acquire("s")
        await journal.append(item(lease, (await journal.stat("s")).head, *said(*say)))
        search = create_search(journal, tmp_path, SearchSettings(), conversion())
        assert search is not None
        found = [sorted(stat.row.session_id for stat, _ in (await search.find("ann", word)).hits) for word in words]
        await search.aclose()
        await journal.aclose()
        return found

    assert await run(("owls",), "first", "owls") == [["rests", "s"], ["s"]]
    shutil.copy(tmp_path / "journal.db", tmp_path / "backup")
    assert await run(("larks",), "larks") == [["s"]]
    shutil.copy(tmp_path / "backup", tmp_path / "journal.db")
    assert await run(("wrens", "robins"), "first", "owls", "larks", "robins") == [["rests", "s"], ["s"], [], ["s"]]
