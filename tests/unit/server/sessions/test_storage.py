"""Storage account: uploads and what tools write count for their user, over all sessions; a full disk still deletes."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

import httpx
import pytest

from agent.sandbox.local.probe import probe
from agent.util.executors import Executors
from agent.util.tasks import TaskOwner
from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from protocol import codes
from protocol import events as ev
from protocol.submissions import UserInput
from server.config.sessions import UserLimits
from server.journal.base import SessionRow
from server.journal.sqlite import open_journal
from server.sessions.quotas import Quotas
from server.sessions.storage import StorageAccount
from server.util import disk_room
from server.util.disk_room import DiskRoom
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.unit.server.journal.builders import row

needs_commands = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")

LARGE = 100_000
BOUND = 350_000


async def new_session(http: httpx.AsyncClient) -> str:
    made = await http.post("/api/sessions")
    assert made.status_code == 201
    return str(made.json()["session_id"])


async def put(http: httpx.AsyncClient, session_id: str, name: str, size: int = LARGE) -> httpx.Response:
    return await http.put(f"/api/sessions/{session_id}/files/{name}", content=bytes(size))


def api(live: Live) -> httpx.AsyncClient:
    return http_client(live.http)


async def test_uploads_at_the_same_time_to_several_sessions_stay_within_the_bound_of_their_user(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, users={"stored_bytes_max": BOUND})) as live, api(live) as http:
        sessions = [await new_session(http) for _ in range(4)]
        answers = await asyncio.gather(*(put(http, one, f"{n}.bin") for one in sessions for n in range(3)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 9
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert (refused.json()["code"], refused.json()["what"]) == ("storage", "bytes")
        stored = sum(file.stat().st_size for file in tmp_path.glob("workspaces/*/*"))
        assert stored == 3 * LARGE


async def test_what_tools_of_several_sessions_write_at_the_same_time_stays_within_the_bound_of_their_user(
    tmp_path: Path,
) -> None:
    executors = Executors()
    written: list[str] = []
    async with contextlib.aclosing(await open_journal(tmp_path)) as journal:
        quotas = Quotas(journal, UserLimits(stored_bytes_max=BOUND))
        room = DiskRoom(tmp_path / "journal.db")
        account = StorageAccount(journal, quotas, room, tmp_path, WorkspaceLimits(), executors.disk)
        rows = [row(name) for name in ("a", "b", "c", "d")]
        for one in rows:
            await journal.create(one)
        await quotas.open(rows[0].user_id)

        async def write(one: SessionRow) -> None:
            async with account.for_session(one).writing(LARGE):
                folder = tmp_path / "workspaces" / one.session_id
                folder.mkdir(parents=True)
                await asyncio.sleep(0)  # the others begin while this one writes
                (folder / "file").write_bytes(bytes(LARGE))
                written.append(one.session_id)

        results = await asyncio.gather(*map(write, rows), return_exceptions=True)
    await executors.aclose()
    (refused,) = [result for result in results if result is not None]
    assert isinstance(refused, SandboxError) and "delete some to make room" in str(refused)
    assert len(written) == 3


async def test_nothing_counts_twice_while_the_files_of_several_sessions_are_counted(tmp_path: Path) -> None:
    executors = Executors()
    async with contextlib.aclosing(await open_journal(tmp_path)) as journal:
        quotas = Quotas(journal, UserLimits(stored_bytes_max=10 * LARGE))
        account = StorageAccount(
            journal, quotas, DiskRoom(tmp_path / "journal.db"), tmp_path, WorkspaceLimits(), executors.disk
        )
        rows = [row(f"s{number}") for number in range(6)]
        for one in rows:
            await journal.create(one)
        user_id = rows[0].user_id
        await quotas.open(user_id)

        async def write(one: SessionRow) -> None:
            async with account.writing(one, LARGE):
                folder = tmp_path / "workspaces" / one.session_id
                folder.mkdir(parents=True)
                (folder / "file").write_bytes(bytes(LARGE))

        tasks = TaskOwner("test")
        writing = [tasks.start(write(one), "write") for one in rows]
        least = quotas.left_for(user_id)
        while not all(one.done() for one in writing):
            await asyncio.sleep(0)
            least = min(least, quotas.left_for(user_id))
        await tasks.aclose()
        left = quotas.left_for(user_id)
    await executors.aclose()
    assert [one.exception() for one in writing] == [None] * len(rows)
    assert 0 < least == left < 4 * LARGE


async def test_deleting_a_file_or_a_session_makes_room(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, users={"stored_bytes_max": BOUND})) as live, api(live) as http:
        one, other = await new_session(http), await new_session(http)
        assert (await put(http, one, "a", 3 * LARGE)).status_code == 201
        assert (await put(http, other, "b")).status_code == 429
        assert (await http.delete(f"/api/sessions/{one}/files/a")).status_code == 204
        assert (await put(http, other, "b", 3 * LARGE)).status_code == 201
        assert (await put(http, one, "a")).status_code == 429
        assert (await http.delete(f"/api/sessions/{other}")).status_code == 204
        assert (await put(http, one, "a")).status_code == 201


async def test_what_a_tool_writes_counts_for_its_user(tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x" * LARGE})), text("Done.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model, policy={})) as live,
        client(live) as one,
    ):
        await one.send(UserInput(text="write"))
        await one.until_type(*DONE)
        assert counted_files(tmp_path) >= LARGE


def counted_files(folder: Path) -> int:
    """The bytes of files that the journal counts, apart from events."""
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as db:
        return int(db.execute("SELECT sum(files) FROM sessions").fetchone()[0])


async def test_with_a_full_disk_only_what_stores_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(settings_for(tmp_path)) as live, api(live) as http, client(live) as one:
        session_id = (await one.synced()).ready.session_id
        assert (await put(http, session_id, "a")).status_code == 201
        monkeypatch.setattr(disk_room, "reserve", lambda total: os.statvfs(tmp_path).f_blocks * 2**20)
        for refused in (await put(http, session_id, "b"), await http.post("/api/sessions")):
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert "the disk is full: free some space" in refused.json()["message"]
        await one.send(UserInput(text="hello"))
        assert (await one.refusal()).code == codes.JOURNAL_UNAVAILABLE
        assert (await http.get(f"/api/sessions/{session_id}/files/a")).status_code == 200
        assert (await http.delete(f"/api/sessions/{session_id}/files/a")).status_code == 204
        assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 204
        monkeypatch.undo()
        async with client(live) as again:
            await again.send(UserInput(text="hello"))
            assert isinstance(await again.until_type(*DONE), ev.TurnComplete)


async def test_what_running_commands_of_several_sessions_add_counts_together_until_it_is_measured(
    tmp_path: Path,
) -> None:
    executors = Executors()
    async with contextlib.aclosing(await open_journal(tmp_path)) as journal:
        quotas = Quotas(journal, UserLimits(stored_bytes_max=BOUND))
        account = StorageAccount(
            journal, quotas, DiskRoom(tmp_path / "journal.db"), tmp_path, WorkspaceLimits(), executors.disk
        )
        one, other = row("a"), row("b")
        for session in (one, other):
            await journal.create(session)
        await quotas.open(one.user_id)
        first, second = account.for_session(one), account.for_session(other)
        with first.growing() as grow, first.growing() as beside, second.growing() as grow_other:
            assert grow(2 * LARGE) == beside(2 * LARGE) == ""  # both see the same files
            assert grow_other(LARGE) == ""
            assert "delete some to make room" in grow_other(2 * LARGE)
            assert grow(LARGE) == beside(LARGE) == ""  # some were deleted
            assert grow_other(2 * LARGE) == ""
            with pytest.raises(SandboxError, match="delete some to make room"):
                async with second.writing(LARGE):
                    pass
        assert quotas.left_for(one.user_id) <= BOUND - 3 * LARGE
        await first.changed()
        await second.changed()
        assert quotas.left_for(one.user_id) > BOUND - LARGE
    await executors.aclose()


async def test_room_for_a_snapshot_is_room_of_the_disk_too(tmp_path: Path) -> None:
    free = 3 * LARGE + disk_room.RESERVE_BYTES

    def statvfs(path: Path) -> os.statvfs_result:
        return os.statvfs_result((1, 1, 2**40, free, free, 0, 0, 0, 0, 255))

    executors = Executors()
    async with contextlib.aclosing(await open_journal(tmp_path)) as journal:
        quotas = Quotas(journal, UserLimits(stored_bytes_max=100 * LARGE))
        room = DiskRoom(tmp_path / "journal.db", statvfs)
        account = StorageAccount(journal, quotas, room, tmp_path, WorkspaceLimits(), executors.disk)
        await journal.create(row("a"))
        await quotas.open(row("a").user_id)
        session = account.for_session(row("a"))
        async with session.reserved(2 * LARGE) as kept:
            assert kept == 2 * LARGE
            with pytest.raises(SandboxError, match="the disk is full"):
                async with session.writing(2 * LARGE):
                    pass
            async with session.reserved(2 * LARGE) as rest:
                assert rest == LARGE
        with session.keeping(3 * LARGE):
            assert room.left() == 0
    await executors.aclose()


@needs_commands
async def test_a_command_that_takes_its_user_above_the_bound_is_ended(tmp_path: Path) -> None:
    command = f"head -c {2 * BOUND} /dev/zero > large; sleep 60"
    async with (
        ScriptedModel([calls(Call("bash", {"command": command}, id="c1")), text("Done.")]) as model,
        listening(settings_for(tmp_path, model, policy={}, users={"stored_bytes_max": BOUND})) as live,
        client(live) as one,
    ):
        await one.send(UserInput(text="write"))
        await one.until_type(ev.ToolOutput)
        (output,) = [event for event in one.events if isinstance(event, ev.ToolOutput)]
        assert not output.success
        assert "delete some to make room" in output.output
