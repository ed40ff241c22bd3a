"""Duties of one of several servers: what rests everywhere is judged, exported and deleted, and nothing that another server runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from agent.util.executors import Executors
from protocol import events as ev
from protocol.submissions import UserInput
from server.jobs.left_files import LeftFiles
from server.jobs.retention import SETTLED_S, Retention
from server.journal.base import SessionRow
from server.journal.nodes.base import OwnedElsewhere
from server.journal.postgres.nodes.nodes import PostgresNodes
from server.sessions.workspaces import snapshots_folder, workspace_folder
from tests.support.live import Live, client
from tests.support.models.scripted_model import Finish, Gate, ScriptedModel, Text, stream
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two

LATER = timedelta(days=1_000)
LEASE_S = 6.0
"""A third of it is until the first of them knows that it is; a busy machine must not end it."""


async def sleep_now(live: Live, session_id: str) -> None:
    actor = live.manager.registry.get(session_id)
    assert actor is not None
    await eventually(lambda: actor.may_sleep)
    await live.manager.registry.end(actor)


async def test_a_session_that_another_server_runs_is_neither_exported_nor_deleted(
    tmp_path: Path, database: str
) -> None:
    async with (
        ScriptedModel(lambda _: stream(Text("Hello."), Finish())) as model,
        two(tmp_path, database, model, lease_s=LEASE_S) as (a, b),
    ):
        await eventually(lambda: a.manager.registry.ownership.is_first)
        async with client(b) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)
            session_id = talker.ready.session_id
        old = await settled(a, after_days=1)
        not_first = await settled(b, after_days=1)
        assert await a.manager.journal.unexported(1) == []
        assert await old.sweep(datetime.now(UTC) + LATER) == 0
        await sleep_now(b, session_id)
        assert [stat.row.session_id for stat in await a.manager.journal.unexported(1)] == [session_id]
        assert await not_first.sweep(datetime.now(UTC) + LATER) == 0
        assert await old.sweep(datetime.now(UTC) + LATER) == 0, "it had a socket there a moment ago"
        long_ago(database)
        assert await old.sweep(datetime.now(UTC) + LATER) == 1


async def settled(live: Live, after_days: float) -> Retention:
    """Of a server that has been the first for as long as it waits before it deletes, if it is."""
    retention = Retention(live.manager, after_days=after_days)
    assert await retention.sweep(datetime.now(UTC) - timedelta(seconds=SETTLED_S)) == 0
    return retention


def long_ago(database: str) -> None:
    """Nobody has followed a session for two hours."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE sessions SET followed_at = followed_at - interval '2 hours'")


def followed(database: str) -> bool:
    """Whether a server told within the last hour that a session has sockets."""
    with psycopg.connect(database) as connection:
        asked = "SELECT bool_or(followed_at > clock_timestamp() - interval '1 hour') FROM sessions"
        (found,) = connection.execute(asked).fetchone() or (False,)
    return bool(found)


async def test_an_empty_session_is_deleted_half_an_hour_after_its_last_socket_at_whichever_server(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.nodes.followed.TOLD_EACH_S", 0.05)
    later = datetime.now(UTC) + timedelta(hours=1)
    async with two(tmp_path, database, lease_s=LEASE_S) as (a, b):
        await eventually(lambda: a.manager.registry.ownership.is_first)
        retention = await settled(a, after_days=0)
        async with client(b) as talker:
            session_id = (await talker.synced()).ready.session_id
            await sleep_now(b, session_id)
            long_ago(database)
            await eventually(lambda: followed(database), "b tells of its socket again and again")
            assert await retention.sweep(later) == 0
        long_ago(database)
        monkeypatch.setattr("server.sessions.nodes.followed.TOLD_EACH_S", 3_600)
        async with client(b, session_id):
            await eventually(lambda: followed(database), "and at once of one that comes back")
            assert await retention.sweep(later) == 0
        long_ago(database)
        assert await retention.sweep(later) == 1


async def test_a_server_that_becomes_the_first_deletes_nothing_until_clients_of_the_one_before_are_back(
    tmp_path: Path, database: str
) -> None:
    """An older one, which is replaced, told nobody of its sockets."""
    async with two(tmp_path, database) as (a, b):
        session_id = await b.manager.create_session("local")
        await sleep_now(b, session_id)
        long_ago(database)
        retention = Retention(a.manager, after_days=0)
        at = datetime.now(UTC) + timedelta(hours=2)
        assert await retention.sweep(at) == 0, "it does not know yet that it is the first"
        nodes = a.manager.registry.services.nodes
        assert isinstance(nodes, PostgresNodes)
        nodes._first = nodes.number  # as the next beat would find
        assert await retention.sweep(at) == 0
        assert await retention.sweep(at + timedelta(seconds=SETTLED_S - 1)) == 0
        assert await retention.sweep(at + timedelta(seconds=SETTLED_S)) == 1


async def test_nobody_takes_a_session_while_a_duty_holds_it(tmp_path: Path, database: str) -> None:
    async with two(tmp_path, database) as (a, b):
        session_id = await b.manager.create_session("local")
        await sleep_now(b, session_id)
        async with a.manager.registry.ownership.held(session_id):
            with pytest.raises(OwnedElsewhere):
                async with b.manager.registry.activated(session_id):
                    pass
        async with b.manager.registry.activated(session_id):
            assert b.manager.registry.get(session_id) is not None
        async with a.manager.registry.ownership.held("nobody's"):
            assert a.manager.registry.get(session_id) is None


async def test_files_of_a_session_that_is_deleted_where_it_does_not_run_are_removed_where_it_ran(
    tmp_path: Path, database: str
) -> None:
    gate = Gate()
    async with (
        ScriptedModel(lambda _: stream(Text("Once "), gate), allow_complaints=True) as model,
        two(tmp_path, database, model) as (a, b),
        client(a) as teller,
        http_client(b.http) as http,
    ):
        session_id = (await teller.synced()).ready.session_id
        folder = workspace_folder(tmp_path / "files", session_id)
        await teller.send(UserInput(text="tell"))
        await teller.until_type(ev.AssistantChunk)

        async def too_early(row: SessionRow) -> None:
            folder.mkdir(parents=True)
            (folder / "late.txt").write_text("a tool wrote it before it heard")

        b.manager._delete_workspace = too_early
        assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 204
        assert (await teller.closed())[0] == 4404
        await eventually(lambda: not folder.exists())
        assert not a.manager.registry.all()
        gate.open()


async def test_left_files_are_removed_of_deleted_sessions_alone(tmp_path: Path, database: str) -> None:
    files = tmp_path / "files"
    async with two(tmp_path, database) as (a, b):
        there, gone = [await a.manager.create_session("local") for _ in range(2)]
        await a.manager.delete_session(gone)
        for session_id in (there, gone, "of-another-database"):
            for folder in (workspace_folder(files, session_id), snapshots_folder(files, session_id)):
                folder.mkdir(parents=True)
                (folder / "a.txt").write_text("a")
        nodes = b.manager.registry.services.nodes
        assert nodes is not None
        executors = Executors()
        try:
            left = LeftFiles(nodes, files, executors.disk)
            assert (await left.sweep(), await left.sweep()) == (1, 0)
        finally:
            await executors.aclose()
        assert sorted(one.name for one in (files / "workspaces").iterdir()) == sorted([there, "of-another-database"])
        assert sorted(one.name for one in (files / "snapshots").iterdir()) == sorted([there, "of-another-database"])
