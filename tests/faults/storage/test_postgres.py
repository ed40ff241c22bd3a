"""Whole servers on PostgreSQL: killed and started again; the database stopped, restored from a copy, or taken by another server."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import UserInput
from tests.faults.process.process import NotListening, ServerProcess, Zygote
from tests.support import application
from tests.support.application import settings_for, with_journal
from tests.support.constants import constants
from tests.support.live import DONE, Client, client, listening, same_view
from tests.support.models.scripted_model import Gate, ScriptedModel, Text, stream, text
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer

ON_A_TEST_SERVER = constants({"server.journal.postgres.link.FSYNC_OFF_ALLOWED": True})
RUDE = (signal.SIGINT, signal.SIGQUIT)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this file's own, to stop."""
    one = PostgresServer()
    yield one
    one.remove()


@pytest.fixture
def own(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database on it, where the servers of the test have their journal; its name."""
    monkeypatch.setattr("server.journal.postgres.link.FSYNC_OFF_ALLOWED", True)
    databases = Databases(server.url)
    name = databases.make(empty=True)
    monkeypatch.setattr(application, "journal_url", databases.url_of(name))
    yield name
    databases.drop(name)


async def test_a_killed_server_goes_on_where_it_was(zygote: Zygote, tmp_path: Path, database: str) -> None:
    gate = Gate()
    async with ScriptedModel([stream(Text("Once upon"), gate, Text("!")), text("Hello.")]) as model:
        settings = with_journal(settings_for(tmp_path / "data", model), database)
        async with ServerProcess(zygote, tmp_path, settings, hooks=[ON_A_TEST_SERVER]) as process:
            await process.start()
            async with connect(process.ws) as socket:
                before = Client(socket)
                await before.send(UserInput(text="tell"))
                await before.until_type(ev.AssistantChunk)
                await process.kill()
            await process.start()
            where = f"{process.ws}/{before.ready.session_id}?after={before.view.seq}&epoch={before.ready.epoch}"
            async with connect(where) as socket:
                back = await Client(socket, before.view).synced()
                assert back.ready.recovered
                assert back.ready.epoch == before.ready.epoch
                await back.send(UserInput(text="and now?"))
                await back.until_type(ev.TurnComplete)
            async with connect(f"{process.ws}/{before.ready.session_id}?after=0") as socket:
                whole = await Client(socket).synced()
                whole.view.model = back.view.model
                assert same_view(whole.view, back.view)
            other = settings_for(tmp_path / "other", model)
            async with ServerProcess(
                zygote, tmp_path / "logs", with_journal(other, database), hooks=[ON_A_TEST_SERVER]
            ) as second:
                with pytest.raises(NotListening, match=r"is in use by holdfast [0-9]+ on .*: stop that server"):
                    await second.start()
            assert await process.terminate() == 0
        assert database not in process.stderr


@pytest.mark.parametrize("how", RUDE)
async def test_a_turn_whose_database_stops_is_stopped_and_the_session_goes_on_by_itself(
    server: PostgresServer, own: str, tmp_path: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.recorder.RETRY_S", 0.2)
    monkeypatch.setattr("server.sessions.actor.RECOVERY_S", 0.1)
    gate = Gate()
    script = [stream(Text("Once upon"), gate, *(Text(f" {n}") for n in range(50))), text("Hello.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live, client(live) as one:
        await one.send(UserInput(text="tell"))
        await one.until_type(ev.AssistantChunk)
        server.stop(how)
        try:
            gate.open()
            refused = await one.until_type(Refused)
            assert refused.code == codes.JOURNAL_UNAVAILABLE
            assert "PostgreSQL at " in refused.message
        finally:
            server.start()
        ended = await one.until_type(*DONE)
        assert isinstance(ended, ev.ErrorEvent) and ended.code == codes.JOURNAL_UNAVAILABLE
        await one.send(UserInput(text="and now?"))
        await one.until_type(ev.TurnComplete)
        async with client(live, one.ready.session_id, after=0) as whole:
            await whole.synced()
            whole.view.model = one.view.model
            assert same_view(whole.view, one.view)


async def test_a_short_restart_of_the_database_ends_no_turn(server: PostgresServer, own: str, tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Once upon"), gate, *(Text(f" {n}") for n in range(50)))]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live, client(live) as one:
        await one.send(UserInput(text="tell"))
        await one.until_type(ev.AssistantChunk)
        server.stop()
        server.start()
        gate.open()
        assert isinstance(await one.until_type(*DONE), ev.TurnComplete)


async def test_a_database_that_lost_events_closes_every_socket_and_no_view_has_them_afterwards(
    server: PostgresServer, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a failover to a standby that lagged does: the end of the log is gone, and another timeline begins."""
    monkeypatch.setattr("server.journal.postgres.journal.LOOK_S", 0.05)
    databases = Databases(server.url)
    script = [text("One."), text("Two."), text("Three.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live, client(live) as one:
        await one.send(UserInput(text="first"))
        await one.until_type(ev.TurnComplete)
        kept = one.view.seq
        await one.send(UserInput(text="second"))
        await one.until_type(ev.TurnComplete)
        databases.execute(
            # The sessions first, as the server does: a merge may still be under way.
            f"LOCK TABLE sessions; DELETE FROM events WHERE seq > {kept};"
            f"UPDATE sessions SET head = {kept}, message_count = 2;"
            "UPDATE meta SET lineage = 'of another server';"
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            own,
        )
        code, _ = await one.closed()
        assert code == codes.CLOSE_GOING_AWAY
        async with client(live, one.ready.session_id, **one.position) as back:
            await back.synced()
            assert not back.ready.recovered
            assert back.ready.epoch != one.ready.epoch
            assert (back.view.seq, len(back.view.messages)) == (kept, 2)
            await back.send(UserInput(text="third"))
            await back.until_type(ev.TurnComplete)
            assert "Three." in str(back.view.messages[-1])
