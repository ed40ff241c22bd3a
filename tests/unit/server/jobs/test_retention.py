"""Retention: what has not been used for the configured time is deleted, and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocol.submissions import SetTitle, UserInput
from server.jobs.retention import Retention
from server.journal.base import Deleted, NotFound
from server.sessions.errors import SessionNotFound
from server.sessions.manager import SessionManager
from tests.support.application import running, settings_for
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.polling import eventually

HOUR = timedelta(hours=1)


async def there(manager: SessionManager, session_id: str) -> bool:
    try:
        await manager.get_session_owner(session_id)
    except SessionNotFound:
        return False
    return True


def after(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days) + HOUR


async def test_an_old_session_is_deleted_with_its_workspace_and_its_snapshots(tmp_path: Path) -> None:
    async with (
        ScriptedModel(lambda _: text("Hello.")) as model,
        running(settings_for(tmp_path, model, sessions={"idle_sleep_s": 0.0})) as manager,
    ):
        session_id = await manager.create_session("ann")
        await manager.submit(session_id, UserInput(text="hi"))
        folders = [tmp_path / name / session_id for name in ("workspaces", "snapshots")]
        for folder in folders:
            folder.mkdir(parents=True)
        actor = manager.registry.get(session_id)
        if actor is not None:
            await actor.ended.wait()
        retention = Retention(manager, after_days=30, empty_after_s=0)
        assert await retention.sweep(after(days=29)) == 0
        assert await there(manager, session_id)
        assert await retention.sweep(after(days=30)) == 1
        assert not await there(manager, session_id)
        assert not any(folder.exists() for folder in folders)


async def test_an_empty_session_is_deleted_earlier_unless_it_has_a_socket(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        empty = await manager.create_session("ann")
        retention = Retention(manager, after_days=0, empty_after_s=3_600)
        at = after(days=1)
        assert await retention.sweep(datetime.now(UTC)) == 0
        async with manager.attach((await manager.registry.open(empty)).row):
            assert await retention.sweep(at) == 0
        assert await retention.sweep(at + HOUR) == 0  # its socket has just left
        async with manager.attach((await manager.registry.open(empty)).row):
            assert await retention.sweep(at + 2 * HOUR) == 0
        assert await retention.sweep(at + 3 * HOUR) == 0
        assert await retention.sweep(at + 4 * HOUR) == 1
        assert not await there(manager, empty)


async def test_old_sessions_that_have_sockets_keep_no_others_from_being_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.retention.AT_ONCE", 1)
    async with running(settings_for(tmp_path)) as manager:
        oldest, other = [await manager.create_session("ann") for _ in range(2)]
        retention = Retention(manager, after_days=30, empty_after_s=0)
        async with manager.attach((await manager.registry.open(oldest)).row):
            assert await retention.sweep(after(days=30)) == 1
        assert await there(manager, oldest) and not await there(manager, other)


async def test_a_session_without_messages_that_has_a_title_or_files_is_kept(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        titled, filled, empty = [await manager.create_session("ann") for _ in range(3)]
        await manager.submit(titled, SetTitle(title="Plans"))
        await manager.journal.files_measured(filled, 7)
        retention = Retention(manager, after_days=0, empty_after_s=3_600)
        assert await retention.sweep(after(days=1)) == 0
        assert await retention.sweep(after(days=2)) == 1
        assert [await there(manager, one) for one in (titled, filled, empty)] == [True, True, False]


async def test_a_session_with_a_waiting_approval_is_never_deleted(tmp_path: Path) -> None:
    answer = calls(Call("write", {"path": "a.txt", "content": "x"}))
    async with ScriptedModel([answer]) as model, running(settings_for(tmp_path, model)) as manager:
        session_id = await manager.create_session("ann")
        async with manager.attach((await manager.registry.open(session_id)).row) as port:
            await manager.submit(session_id, UserInput(text="write"))
            while (await port.standing()).state != "awaiting_approval":
                cursor = port.follow()
                await cursor.wait()
                cursor.detach()
        assert await Retention(manager, after_days=1, empty_after_s=1).sweep(after(days=400)) == 0
        assert await there(manager, session_id)


async def test_a_deleted_session_is_remembered_for_thirty_days(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        await manager.delete_session(session_id)
        retention = Retention(manager, after_days=0, empty_after_s=0)
        await retention.forget(after(days=29))
        with pytest.raises(Deleted):
            await manager.journal.stat(session_id)
        await eventually(lambda: forgotten(retention, manager, session_id))


async def forgotten(retention: Retention, manager: SessionManager, session_id: str) -> bool:
    await retention.forget(after(days=30))
    try:
        await manager.journal.stat(session_id)
    except NotFound:
        return True
    except Deleted:
        return False
    return False
