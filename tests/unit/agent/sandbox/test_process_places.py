"""Process places: searches and commands share a server's places; one message of many takes no longer than one search may."""

import asyncio
from pathlib import Path

import pytest

from agent.sandbox.local import process_places
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.process_places import ProcessPlaces
from agent.util import executors
from agent.util.executors import Executors
from agent.util.places import Holder, PlacesTaken
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import SearchRequest
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace

SEARCH = SearchRequest(pattern="needle")


def places_of() -> ProcessPlaces:
    return ProcessPlaces(Executors().search)


def files_of(user: str, folder: Path, places: ProcessPlaces) -> LocalFiles:
    root = folder / user
    root.mkdir()
    (root / "a.txt").write_text("a needle\n")
    disk = DiskExecutor(Executors().disk, Holder(user, f"session of {user}"))
    return LocalFiles(Workspace(root, WorkspaceLimits()), disk, places)


async def test_many_searches_at_once_run_in_the_places_of_their_user(tmp_path: Path) -> None:
    places = places_of()
    files = files_of("anna", tmp_path, places)
    running = asyncio.gather(*(files.search(SEARCH) for _ in range(8)))
    most = 0
    while not running.done():
        await asyncio.sleep(0)
        most = max(most, len(places.searches.places))
    assert [len(one.matches) for one in running.result()] == [1] * 8
    assert most == places.searches.places.limits.per_user
    assert len(places.searches.places) == 0


async def test_a_search_that_finds_no_place_in_its_time_is_refused_and_another_user_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "SEARCH_WAIT_S", 0.0)
    places = places_of()
    anna, bert = (files_of(user, tmp_path, places) for user in ("anna", "bert"))
    searches = places.searches.places
    held = [searches.take_now(Holder("anna", "another session")) for _ in range(searches.limits.per_user)]
    with pytest.raises(PlacesTaken, match=r"places for searches are taken for this user"):
        await anna.search(SEARCH)
    assert len((await bert.search(SEARCH)).matches) == 1
    for give_back in held:
        give_back()
    assert len((await anna.search(SEARCH)).matches) == 1


async def test_commands_of_one_session_have_their_places_and_all_sessions_of_a_user_a_bound() -> None:
    commands = places_of().commands
    for _ in range(process_places.COMMANDS_PER_SESSION):
        commands.take_now(Holder("anna", "first"))
    with pytest.raises(PlacesTaken, match="for this session"):
        commands.take_now(Holder("anna", "first"))
    for number in range(process_places.COMMANDS_PER_USER - process_places.COMMANDS_PER_SESSION):
        commands.take_now(Holder("anna", f"session {number}"))
    with pytest.raises(PlacesTaken, match="for this user"):
        commands.take_now(Holder("anna", "last"))
    commands.take_now(Holder("bert", "his"))
