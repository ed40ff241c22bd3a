"""Restoring files over real sockets: a turn is taken back with what it did to the workspace; what is kept, counted and refused."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from agent.sandbox.local.probe import probe
from protocol import codes
from protocol import events as ev
from protocol.submissions import Interrupt, Restore, Undo, UserInput
from tests.integration.test_sharing import link_to, session_of
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.users import users

needs_commands = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")


def writes(path: str, content: str = "new", id: str = "w1") -> Call:
    return Call("write", {"path": path, "content": content}, id=id)


async def put(live: Live, session_id: str, files: dict[str, str]) -> None:
    """Upload files as the owner."""
    async with http_client(live.http) as http:
        for name, content in files.items():
            answer = await http.put(f"/api/sessions/{session_id}/files/{name}", content=content.encode())
            assert answer.status_code in (200, 201, 204)


def files_in(data: Path, session_id: str) -> dict[str, str]:
    root = data / "workspaces" / session_id
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def counted_files(data: Path) -> int:
    with contextlib.closing(sqlite3.connect(data / "journal.db")) as db:
        return int(db.execute("SELECT sum(files) FROM sessions").fetchone()[0])


async def turn(one: Client, said: str = "go") -> None:
    await one.send(UserInput(text=said))
    await one.until_type(*DONE)


async def undo(one: Client) -> ev.UndoComplete:
    await one.send(Undo())
    undone = await one.until_type(ev.UndoComplete)
    assert isinstance(undone, ev.UndoComplete)
    return undone


async def restore(one: Client, snapshot_id: object) -> ev.WorkspaceRestored:
    assert isinstance(snapshot_id, str)
    await one.send(Restore(snapshot_id=snapshot_id))
    restored = await one.until_type(ev.WorkspaceRestored, ev.ErrorEvent)
    assert isinstance(restored, ev.WorkspaceRestored)
    return restored


@needs_commands
async def test_files_that_a_command_deleted_are_back_after_undo_and_restore(tmp_path: Path) -> None:
    command = "python3 -c 'import pathlib; [p.unlink() for p in pathlib.Path().rglob(\"*.txt\")]'; > made"
    script = [calls(Call("bash", {"command": command}, id="c1")), text("Done.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model, policy={})) as live:
        async with client(live) as one:
            session_id = (await one.synced()).ready.session_id
            before = {"a.txt": "one", "folder/b.txt": "two"}
            await put(live, session_id, before)
            await turn(one)
            after = files_in(tmp_path, session_id)
            assert after == {"made": ""}
            undone = await undo(one)
            assert undone.kept == ["bash: commands run, and what they did to files"]
            restored = await restore(one, undone.restore)
            assert files_in(tmp_path, session_id) == before
            assert (restored.removed, restored.left_count) == (1, 0)
            await restore(one, one.view.snapshots[-1].snapshot_id)
            assert files_in(tmp_path, session_id) == after


async def test_a_read_guest_may_not_restore_and_a_drive_guest_may(tmp_path: Path) -> None:
    script = [calls(writes("a.txt")), text("Done.")]
    async with ScriptedModel(script) as model, users(tmp_path, model, policy={}) as site:
        session_id = await session_of(site, "alice")
        _, reading = await link_to(site, session_id, "read")
        _, driving = await link_to(site, session_id, "drive")
        async with site.socket("alice", session_id) as owner:
            await turn(owner)
            (snapshot,) = owner.view.snapshots
        async with site.socket(reading, session_id) as guest:
            await guest.send(Restore(snapshot_id=snapshot.snapshot_id))
            assert (await guest.refusal()).code == codes.FORBIDDEN
        async with site.socket(driving, session_id) as guest:
            await restore(guest, snapshot.snapshot_id)


async def test_the_same_restore_sent_again_is_done_once(tmp_path: Path) -> None:
    script = [calls(writes("a.txt")), text("Done.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model, policy={})) as live:
        async with client(live) as one:
            session_id = (await one.synced()).ready.session_id
            await turn(one)
            again = Restore(id="r1", snapshot_id=one.view.snapshots[0].snapshot_id)
            await one.send(again)
            await one.until_type(ev.WorkspaceRestored)
            await put(live, session_id, {"later.txt": "later"})
            head = one.view.seq
            await one.send(again)
            await one.send(Interrupt(id="i1"))
            await one.refusal()
            assert one.view.seq == head
            assert files_in(tmp_path, session_id) == {"later.txt": "later"}


async def test_snapshots_count_for_their_user_and_go_with_the_session(tmp_path: Path) -> None:
    script = [calls(writes("b.txt")), text("Done.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model, policy={})) as live:
        async with client(live) as one:
            session_id = (await one.synced()).ready.session_id
            await put(live, session_id, {"a.txt": "x" * 100_000})
            await turn(one)
            assert counted_files(tmp_path) >= 200_000
            assert [*(tmp_path / "snapshots").iterdir()] == [tmp_path / "snapshots" / session_id]
        async with http_client(live.http) as http:
            assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 204
        assert [*(tmp_path / "snapshots").iterdir()] == []


async def test_where_little_room_is_left_a_snapshot_leaves_files_out_and_room_for_others(tmp_path: Path) -> None:
    script = [calls(writes("b.txt")), text("Done.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model, policy={}, users={"stored_bytes_max": 180_000})
        async with listening(settings) as live, client(live) as one:
            session_id = (await one.synced()).ready.session_id
            await put(live, session_id, {"a.txt": "x" * 100_000})
            await turn(one)
            assert one.view.snapshots[0].left_out == 1
            assert files_in(tmp_path, session_id)["b.txt"] == "new"
            restored = await restore(one, one.view.snapshots[0].snapshot_id)
            assert (restored.removed, restored.left_count) == (1, 0)
            assert files_in(tmp_path, session_id) == {"a.txt": "x" * 100_000}


async def test_a_restart_keeps_the_snapshots_and_a_restoration_that_a_stop_cut_short_is_done(tmp_path: Path) -> None:
    script = [calls(writes("a.txt")), text("Done.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model, policy={})
        async with listening(settings) as live, client(live) as one:
            session_id = (await one.synced()).ready.session_id
            await turn(one)
            await one.send(Restore(id="r1", snapshot_id=one.view.snapshots[0].snapshot_id))
            await one.until_type(ev.Accepted)
        async with listening(settings) as live, client(live, session_id) as one:
            await one.synced()
            async with asyncio.timeout(10):
                while one.view.state != "idle":
                    await one.next()
            assert files_in(tmp_path, session_id) == {}
            await restore(one, one.view.snapshots[-1].snapshot_id)
            assert files_in(tmp_path, session_id) == {"a.txt": "new"}
