"""Process places: searches and commands share a server's places; one message of many takes no longer than one search may."""

import asyncio
from pathlib import Path

import pytest

from agent.sandbox.local import process_places
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.process_places import SEARCHES_PER_USER, ProcessPlaces
from agent.sandbox.search import SEARCH_TIMEOUT_S
from agent.sandbox.settings import SandboxSettings
from agent.util.executors import Executors
from agent.util.places import Holder, PlacesTaken
from agent.util.tasks import TaskOwner
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import SearchRequest
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace

SEARCH = SearchRequest(pattern="needle")


def files_of(user: str, folder: Path, places: ProcessPlaces) -> LocalFiles:
    root = folder / user
    root.mkdir()
    (root / "a.txt").write_text("a needle\n")
    disk = DiskExecutor(Executors().disk, Holder(user, f"session of {user}"))
    return LocalFiles(Workspace(root, WorkspaceLimits()), disk, places)


async def test_many_searches_at_once_run_in_the_places_of_their_user(tmp_path: Path) -> None:
    places = ProcessPlaces(SandboxSettings())
    files, most = files_of("anna", tmp_path, places), [0]
    hold = places.searches.take

    async def counted(holder: Holder) -> object:
        give_back = await hold(holder)
        most[0] = max(most[0], len(places.searches))
        return give_back

    setattr(places.searches, "take", counted)  # noqa: B010  # the type checker refuses a plain assignment
    found = await asyncio.gather(*(files.search(SEARCH) for _ in range(8)))
    assert [len(one.matches) for one in found] == [1] * 8
    assert most == [SEARCHES_PER_USER]
    assert len(places.searches) == 0


async def test_a_search_that_finds_no_place_in_its_time_is_refused_and_another_user_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_places, "SEARCH_LEFT_S", SEARCH_TIMEOUT_S)
    places = ProcessPlaces(SandboxSettings())
    anna, bert = (files_of(user, tmp_path, places) for user in ("anna", "bert"))
    held = [await places.searches.take(Holder("anna", "another session")) for _ in range(SEARCHES_PER_USER)]
    with pytest.raises(PlacesTaken, match=r"places for searches are taken for this user"):
        await anna.search(SEARCH)
    assert len((await bert.search(SEARCH)).matches) == 1
    for give_back in held:
        give_back()
    assert len((await anna.search(SEARCH)).matches) == 1


async def test_commands_of_one_session_have_the_settings_places_and_all_sessions_of_a_user_a_bound(
    tasks: TaskOwner,
) -> None:
    commands = ProcessPlaces(SandboxSettings(commands_max=3)).commands
    for _ in range(3):
        commands.take_now(Holder("anna", "first"))
    with pytest.raises(PlacesTaken, match="for this session"):
        commands.take_now(Holder("anna", "first"))
    for number in range(process_places.COMMANDS_PER_USER - 3):
        commands.take_now(Holder("anna", f"session {number}"))
    with pytest.raises(PlacesTaken, match="for this user"):
        commands.take_now(Holder("anna", "last"))
    commands.take_now(Holder("bert", "his"))
