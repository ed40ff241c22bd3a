"""Snapshots of files in a server that is killed: no session is stuck, and the workspace is as before or as after."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from protocol import events as ev
from protocol.submissions import Restore, Undo, UserInput
from tests.faults.harness.driver import KILLED
from tests.faults.harness.order import Failpoint, When
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import DONE, Address, Client, client
from tests.support.models.scripted_model import Call, Reply, ScriptedModel, calls, text

PATIENCE_S = 20.0
BEFORE = {"a.txt": "one", "b/c.txt": "two"}
AFTER = {"a.txt": "changed", "b/c.txt": "changed", "new/d.txt": "new", "e.txt": "new"}


def turn_that_changes_all() -> list[Reply]:
    """A model's turn that makes BEFORE into AFTER."""
    wanted = [Call("write", {"path": path, "content": content}, id=path) for path, content in AFTER.items()]
    return [calls(*wanted), text("Done.")]


def files_in(data: Path) -> dict[str, str]:
    (root,) = (data / "workspaces").iterdir()
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def fill(data: Path, session_id: str) -> None:
    """Make the session's files as in BEFORE, some time ago: what has just changed is read again by the next snapshot."""
    for path, content in BEFORE.items():
        file = data / "workspaces" / session_id / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        os.utime(file, (1, 1))


async def until_idle(one: Client) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while one.view.state != "idle":
            await one.next()


async def until_killed(server: ServerProcess, one: Client) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await one.next()
    assert await server.ended() == KILLED


KILLS: list[tuple[str, int, When]] = [
    ("save_content", 1, "before"),
    ("save_content", 2, "after"),
    ("save_manifest", 1, "before"),
    ("save_manifest", 1, "after"),
]


@pytest.mark.parametrize(("point", "at", "when"), KILLS)
async def test_a_kill_while_the_files_are_saved_leaves_them_and_the_session_goes_on(
    zygote: Zygote, tmp_path: Path, point: str, at: int, when: When
) -> None:
    data = tmp_path / "data"
    async with ScriptedModel([*turn_that_changes_all()[:1], *turn_that_changes_all()]) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(data, model, policy={})) as server:
            await server.start(Failpoint(point, at, when))
            async with client(Address(server.port)) as one:
                session_id = (await one.synced()).ready.session_id
                fill(data, session_id)
                await one.send(UserInput(text="go"))
                await until_killed(server, one)
            assert files_in(data) == BEFORE
            await server.start()
            async with client(Address(server.port), session_id) as one:
                await one.synced()
                await until_idle(one)
                assert files_in(data) == BEFORE
                await one.send(UserInput(text="again"))
                await one.until_type(*DONE)
                assert files_in(data) == AFTER
                await restored(one)
                assert files_in(data) == BEFORE


async def restored(one: Client) -> None:
    """The last turn is undone, with its files."""
    await one.send(Undo())
    undone = await one.until_type(ev.UndoComplete)
    await one.send(Restore(snapshot_id=undone.restore))
    await one.until_type(ev.WorkspaceRestored)


RESTORE_KILLS: list[tuple[str, int, When]] = [
    ("save_manifest", 2, "before"),
    ("save_manifest", 2, "after"),
    ("restore_remove", 1, "before"),
    ("restore_remove", 2, "after"),
    ("restore_put", 1, "before"),
    ("restore_put", 1, "after"),
    ("restore_put", 2, "after"),
]


@pytest.mark.parametrize(("point", "at", "when"), RESTORE_KILLS)
async def test_a_restoration_that_a_kill_cut_short_is_done_by_the_next_server(
    zygote: Zygote, tmp_path: Path, point: str, at: int, when: When
) -> None:
    data = tmp_path / "data"
    async with ScriptedModel(turn_that_changes_all()) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(data, model, policy={})) as server:
            await server.start(Failpoint(point, at, when))
            async with client(Address(server.port)) as one:
                session_id = (await one.synced()).ready.session_id
                fill(data, session_id)
                await one.send(UserInput(text="go"))
                await one.until_type(*DONE)
                (snapshot,) = one.view.snapshots
                await one.send(Restore(id="r1", snapshot_id=snapshot.snapshot_id))
                await until_killed(server, one)
            await server.start()
            async with client(Address(server.port), session_id) as one:
                await one.synced()
                await until_idle(one)
                assert files_in(data) == BEFORE
                present = one.view.snapshots[-1].snapshot_id
                await one.send(Restore(snapshot_id=present))
                await one.until_type(ev.WorkspaceRestored)
                assert files_in(data) == AFTER
