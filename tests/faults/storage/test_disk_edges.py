"""Journal that fails at special moments: while a session wakes, recovers or stops, or after the commit."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from agent.util.tasks import TaskOwner
from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import UserInput
from server.journal.base import AppendItem, Unavailable
from server.journal.sqlite import SqliteJournal
from tests.faults.process.disks import KINDS, Outage, outage_of
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_disk import SOON_S, agree, check_refusal, served
from tests.support.live import DONE, Address, client, listening, same_view
from tests.support.models.scripted_model import Answer, Gate, Hang, Request, ScriptedModel, Text, stream, text
from tests.support.polling import eventually


@pytest.fixture(params=KINDS)
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    with outage_of(request.param, tmp_path) as one:
        yield one


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Outage]:
    with outage_of("locked", tmp_path) as one:
        yield one


async def test_a_sleeping_session_can_be_read_in_an_outage_and_wakes_later(
    outage: Outage,
) -> None:
    async with ScriptedModel([text("Hello."), text("Here.")]) as model:
        settings = served(outage.folder, model)
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="hello " * 5_000))
            await talker.until_type(ev.TurnComplete)
            session_id, seen = talker.ready.session_id, talker.view
        async with listening(settings) as live:
            async with client(live):  # so that there is a log to be full
                outage.begin()
            async with client(live, session_id) as again:
                assert same_view((await again.synced()).view, seen)
                await again.send(UserInput(text="and now?"))
                check_refusal(await again.refusal(), outage)
                outage.end()
                await again.send(UserInput(text="and now?"))
                assert isinstance(await again.until_type(*DONE), ev.TurnComplete)
                await agree(live, again)


async def test_a_stop_during_an_outage_ends_in_time_and_the_next_start_continues(outage: Outage) -> None:
    gate = Gate()
    script = [stream(Text("One "), gate, Text("two " * 5_000), Hang()), text("Still here.")]
    async with ScriptedModel(script) as model:
        settings = served(outage.folder, model)
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.AssistantChunk)
            await gate.reached.wait()
            outage.begin()
            gate.open()
            check_refusal(await talker.refusal(), outage)
            position, view = talker.position, talker.view
            live.server.should_exit = True
            async with asyncio.timeout(SOON_S):
                assert (await talker.closed())[0] == codes.CLOSE_GOING_AWAY
        outage.end()
        async with listening(settings) as live, client(live, talker.ready.session_id, view=view, **position) as back:
            assert (await back.synced()).ready.recovered
            if back.view.state != "idle":
                assert isinstance(await back.until_type(*DONE), ev.Interrupted)
            await back.send(UserInput(text="and now?"))
            assert isinstance(await back.until_type(*DONE), ev.TurnComplete)
            await agree(live, back)


async def test_a_session_that_cannot_be_recovered_at_the_start_is_recovered_when_it_can(
    zygote: Zygote, tmp_path: Path, lock: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    def script(request: Request) -> Answer:
        return stream(Text("One "), Hang()) if request.last_user_text == "hello" else text("Here.")

    async with ScriptedModel(script) as model:
        settings = served(lock.folder, model)
        async with ServerProcess(zygote, tmp_path / "server", settings) as server:
            await server.start()
            async with client(Address(server.port)) as talker:
                await talker.send(UserInput(text="hello"))
                await talker.until_type(ev.AssistantChunk)
                await talker.send(UserInput(text="and then", id="waits"))
                await talker.until(lambda f: isinstance(f, ev.Accepted) and f.submission_id == "waits")
                await server.kill()
        lock.begin()
        async with listening(settings) as live:
            await eventually(lambda: "trying again" in caplog.text, patience_s=SOON_S)
            assert len(model.requests) == 1
            lock.end()
            assert (await model.request(1)).last_user_text == "and then", "nobody had to come back for it"
            async with client(live, talker.ready.session_id, view=talker.view, **talker.position) as back:
                await back.until_type(ev.TurnComplete)
                assert [type(e) for e in back.events if isinstance(e, DONE)] == [ev.Interrupted, ev.TurnComplete]
                await agree(live, back)


@pytest.mark.parametrize("retried", [True, False], ids=["retried", "given-up"])
async def test_an_append_that_was_stored_but_reported_unavailable_is_neither_lost_nor_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retried: bool
) -> None:
    failures = 1 if retried else 3
    append, tasks = SqliteJournal.append, TaskOwner("test")

    async def store_and_lose_the_answer(journal: SqliteJournal, item: AppendItem) -> None:
        nonlocal failures
        await append(journal, item)
        if b'"again"' in b"".join(record.data for record in item.records) and failures:
            failures -= 1
            raise Unavailable("the answer was lost on its way")

    def unlucky(journal: SqliteJournal, item: AppendItem) -> "asyncio.Future[None]":
        return tasks.start(store_and_lose_the_answer(journal, item), "append")

    monkeypatch.setattr(SqliteJournal, "append", unlucky)
    async with ScriptedModel([text("Hello."), text("Here."), text("Here.")]) as model:
        async with listening(served(tmp_path, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="hello"))
            await talker.until_type(ev.TurnComplete)
            await talker.send(UserInput(text="again", id="again"))
            ended = await talker.until_type(*DONE)
            if retried:
                assert isinstance(ended, ev.TurnComplete)
            else:
                assert isinstance(ended, ev.ErrorEvent) and ended.code == codes.JOURNAL_UNAVAILABLE
                assert "again" in [f.id for f in talker.frames if isinstance(f, Refused)]
            await talker.send(UserInput(text="again", id="again"))
            repeated = await talker.until_type(ev.Accepted)
            assert repeated.seq < talker.view.seq, "the first answer, and no other turn"
            assert talker.view.state == "idle"
            await agree(live, talker)
            assert len(model.requests) == (2 if retried else 1)


async def test_damage_to_one_session_is_reported_to_its_clients_and_does_not_affect_others(tmp_path: Path) -> None:
    async with ScriptedModel(lambda request: text("Hello.")) as model:
        settings = served(tmp_path, model)
        views = {}
        async with listening(settings) as live:
            for words in ("spoilt" * 8_000, "healthy"):
                async with client(live) as talker:
                    await talker.send(UserInput(text=words))
                    await talker.until_type(ev.TurnComplete)
                    views[words] = (talker.ready.session_id, talker.view)
        path = tmp_path / "journal.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DELETE FROM snapshots")
            db.execute("VACUUM")
        data = bytearray(path.read_bytes())
        middle = data.index(b"spoilt" * 300) // 4_096 + 4  # an overflow page of its text
        data[middle * 4_096 : (middle + 1) * 4_096] = b"\xa5" * 4_096
        path.write_bytes(data)
        async with listening(settings) as live:
            spoilt, healthy = views["spoilt" * 8_000], views["healthy"]
            with pytest.raises(InvalidStatus) as refused:
                async with client(live, spoilt[0]):
                    pass
            assert refused.value.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            why = json.loads(refused.value.response.body or b"")["message"]
            assert str(path) in why and "is damaged" in why and "restore a backup" in why
            async with client(live, spoilt[0], after=0) as reader:
                code, reason = await reader.closed()
            assert code == codes.CLOSE_FAULT and reason.startswith("the journal cannot be read: ")
            async with client(live, healthy[0]) as talker:
                assert same_view((await talker.synced()).view, healthy[1])
                await talker.send(UserInput(text="and now?"))
                await talker.until_type(ev.TurnComplete)
                await agree(live, talker)


async def test_a_long_close_reason_is_cut_to_the_size_of_a_close_frame(tmp_path: Path) -> None:
    """The folder's name makes the message long, in bytes even more than in characters."""
    folder = tmp_path / ("\u8a9e" * 60)
    async with ScriptedModel(lambda request: text("Hello.")) as model:
        async with listening(served(folder, model)) as live, client(live) as talker:
            await talker.send(UserInput(text="words " * 2_000))
            await talker.until_type(ev.TurnComplete)
            session_id = talker.ready.session_id
            with contextlib.closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as db:
                db.execute("ALTER TABLE events RENAME TO elsewhere")
                async with client(live, session_id, after=0) as reader:
                    code, reason = await reader.closed()
                db.execute("ALTER TABLE elsewhere RENAME TO events")
            assert code == codes.CLOSE_FAULT
            assert reason.startswith("the journal cannot be read: ") and len(reason.encode()) <= 123
