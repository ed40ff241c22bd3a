"""Sleeping and waking: what is wanted stays awake, what wakes costs little, and who arrives at a bad moment loses nothing."""

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agent.session.messages import SubmissionRefusal
from agent.util.tasks import TaskOwner
from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Approval, ExecApproval, Undo, UserInput
from protocol.view import View
from server.journal.base import Record
from server.journal.sqlite import SqliteJournal
from server.sessions.manager import SessionManager
from tests.faults.harness.lengths import fresh_seed, length
from tests.faults.harness.memory import mapped_kib
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import running, settings_for
from tests.support.live import DONE, PATIENCE_S, Address, Client, client, listening, same_view
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, calls, stream, text
from tests.support.polling import eventually
from tests.unit.clients.session.recorded import encoded


async def turn(talker: Client, words: str = "hello") -> None:
    await talker.send(UserInput(text=words))
    assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)


async def turn_if_there_is_room(talker: Client) -> bool:
    """A turn, unless other sessions work in all places there are."""
    await talker.send(UserInput(text="hello"))
    came = await talker.until_type(*DONE, Refused)
    if isinstance(came, Refused):
        assert (came.code, came.retryable) == (codes.CAPACITY, True)
        return False
    assert isinstance(came, ev.TurnComplete)
    return True


async def denied(url: str) -> tuple[int, dict[str, Any]]:
    """The status and body with which the upgrade is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, compression=None):
            pass
    response = refused.value.response
    assert int(response.headers["Retry-After"]) > 0
    return response.status_code, json.loads(response.body)


async def admitted(stack: contextlib.AsyncExitStack, live: Address, *args: Any, **kwargs: Any) -> Client:
    """A client, as soon as there is room: the server may not have heard yet that another one has left."""
    found: list[Client] = []

    async def came() -> bool:
        try:
            found.append(await stack.enter_async_context(client(live, *args, **kwargs)))
        except InvalidStatus as refused:
            if refused.response.status_code not in (429, 503):
                raise
        return bool(found)

    await eventually(came, "room for one more")
    return found[0]


@pytest.mark.timeout(length(120, 3_600))
async def test_more_sessions_than_may_be_awake_work_one_after_the_other(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    count = length(60, 10_000)
    async with ScriptedModel(lambda _: text("Hel", "lo.")) as model:
        settings = settings_for(tmp_path / "data", model, users={"stored_sessions_max": 100_000})
        async with ServerProcess(zygote, tmp_path, settings) as server:
            await server.start()
            here, left = Address(server.port), []
            after_some = 0
            for number in range(count):
                async with client(here) as talker:
                    await turn(talker)
                    left.append((talker.ready.session_id, talker.position, talker.view))
                if number == count // 10:
                    after_some = mapped_kib(server.pid)
            grown = mapped_kib(server.pid) - after_some
            assert grown < 8 * 1024 + count * 2, f"{grown} KiB more after {count} sessions, 10 of them awake"
            for session_id, position, view in random.Random(1).sample(left, 20):
                async with client(here, session_id, view=view, **position) as back:
                    await back.synced()
                    assert back.ready.recovered
                    await turn(back, "again")
                    assert len(back.view.messages) == 4
            tally["sessions put to sleep"] += count - 10


@pytest.fixture
def read_records(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """Every record that any journal of this process is asked for, from now on."""
    all_records: list[Record] = []
    read = SqliteJournal.read

    async def counted(self: SqliteJournal, *args: Any, **kwargs: Any) -> list[Record]:
        records = await read(self, *args, **kwargs)
        all_records.extend(records)
        return records

    monkeypatch.setattr(SqliteJournal, "read", counted)
    return all_records


async def test_waking_reads_the_snapshot_and_the_events_after_it_alone(
    tmp_path: Path, read_records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, every = length(40, 250), length(50, 500)
    monkeypatch.setattr("server.sessions.recorder.SNAPSHOT_EVERY_EVENTS", every)
    async with ScriptedModel(lambda _: text("Hel", "lo", ".")) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live, client(live) as talker:
            for number in range(turns):
                await turn(talker, f"number {number}")
            session_id, view = talker.ready.session_id, talker.view
            a_turn = max(e.seq - b.seq for b, e in _turns(talker.events))
            # As after kill -9: nobody put the session away.
            read_records.clear()
            async with running(settings_for(_copy(tmp_path, tmp_path / "copy"), model)) as manager:
                async with manager.registry.activated(session_id) as actor:
                    assert encoded(actor.state.view) == encoded(view)
                assert len(read_records) <= every + a_turn
        # And as it slept: nothing is read but the snapshot.
        async with running(settings) as manager:
            read_records.clear()
            began = time.process_time()
            async with manager.registry.activated(session_id) as actor:
                assert encoded(actor.state.view) == encoded(view)
            cpu_ms = (time.process_time() - began) * 1_000
            assert read_records == []
            print(f"waking {len(view.messages)} messages took {cpu_ms:.1f} ms of CPU")
            assert cpu_ms < length(500, 50)


def _turns(events: list[ev.Event]) -> list[tuple[ev.Event, ev.Event]]:
    begins = [event for event in events if isinstance(event, ev.Accepted)]
    return list(zip(begins, [event for event in events if isinstance(event, ev.TurnComplete)], strict=True))


def _copy(source: Path, target: Path) -> Path:
    """The journal as it is in this moment, as a kill would leave it."""
    target.mkdir()
    with sqlite3.connect(source / "journal.db") as old, sqlite3.connect(target / "journal.db") as new:
        old.backup(new)
    old.close()
    new.close()
    return target


async def test_busy_sessions_are_not_put_to_sleep_and_refusals_come_at_once(
    tmp_path: Path,
) -> None:
    gate, other = Gate(), Gate()
    script = [
        calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")),
        stream(Text("Wor"), gate, Text("king."), Finish()),
        stream(Text("To"), other, Text("o."), Finish()),
        text("Written."),
    ]
    bounds = {"awake_max": 3, "awake_max_per_user": 3, "idle_sleep_s": 0.0}
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model, sessions=bounds)) as live:
        async with client(live) as waiting:
            await waiting.send(UserInput(text="write"))
            await waiting.until_type(ev.ApprovalRequired)
        async with client(live) as works:
            await works.send(UserInput(text="work"))
            await works.until_type(ev.AssistantChunk)
        async with client(live) as held:
            await held.send(UserInput(text="work too"))
            await held.until_type(ev.AssistantChunk)
            actors = live.manager.registry.all()
            for _ in range(3):
                status, body = await denied(live.ws)
                assert (status, body["code"], body["error_type"]) == (429, "capacity", "per_user")
            await asyncio.sleep(0.2)  # the reaper looks every 0.05 s
            assert live.manager.registry.all() == actors
            assert not any(actor.stopping for actor in actors)
            gate.open()
            async with client(live, works.ready.session_id, view=works.view, **works.position) as back:
                assert (await back.until_type(*DONE)).final_response == "Working."
            async with contextlib.AsyncExitStack() as stack:
                await (await admitted(stack, live)).synced()
            async with client(live, waiting.ready.session_id) as back:
                await back.synced()
                await back.send(ExecApproval(approvals=[Approval("c1", True)]))
                assert (await back.until_type(*DONE)).final_response == "Written."
            other.open()
            assert (await held.until_type(*DONE)).final_response == "Too."


async def test_when_every_session_is_busy_another_user_gets_503_at_once(tmp_path: Path) -> None:
    gate, bounds = Gate(), {"awake_max": 2, "awake_max_per_user": 2}
    script = [stream(Text("One."), gate, Finish()), stream(Text("Two."), gate, Finish())]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model, sessions=bounds)) as live:
        for user_id in ("ann", "ben"):
            await live.manager.submit_user_input(await live.manager.create_session(user_id), "work")
        status, body = await denied(live.ws)
        assert (status, body["error_type"]) == (503, "global")
        gate.open()
        async with contextlib.AsyncExitStack() as stack:
            await (await admitted(stack, live)).synced()


async def test_two_hundred_sockets_at_once_never_pass_the_limit(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, contextlib.AsyncExitStack() as stack:
        most = _watch(live.manager, stack)
        statuses: Counter[int] = Counter()

        async def come() -> None:
            try:
                await (await stack.enter_async_context(client(live))).synced()
                statuses[101] += 1
            except InvalidStatus as refused:
                statuses[refused.response.status_code] += 1

        await asyncio.gather(*(come() for _ in range(200)))
        assert statuses.total() == 200 and set(statuses) <= {101, 429}
        assert statuses[101] > 10, "a socket takes no place for longer than its session is made"
        assert max(most) == 10
        await eventually(lambda: live.manager.active_session_count <= 10)


async def test_two_hundred_creates_at_once_never_pass_the_limit(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, contextlib.AsyncExitStack() as stack:
        most = _watch(manager, stack)
        made = await asyncio.gather(*(manager.create_session("ann") for _ in range(200)), return_exceptions=True)
        kept = [session_id for session_id in made if isinstance(session_id, str)]
        assert len(kept) + sum(type(one).__name__ == "SessionCapacityError" for one in made) == 200
        assert max(most) <= 10
        assert {info.session_id for info in await manager.list_sessions("ann")} == set(kept)


def _watch(manager: SessionManager, stack: contextlib.AsyncExitStack) -> list[int]:
    """The number of awake sessions at every turn of the loop."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append(manager.active_session_count)
            await asyncio.sleep(0)

    tasks = TaskOwner("watch")
    stack.push_async_callback(tasks.aclose)
    tasks.start(watch(), "awake")
    return seen


@pytest.mark.timeout(length(120, 600))
async def test_a_socket_that_comes_while_its_session_falls_asleep_loses_nothing(
    tmp_path: Path, tally: Counter[str]
) -> None:
    """Two sessions in one place: each visit puts the other to sleep, while it may be coming back."""
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    rng = random.Random(seed)
    bounds = {"awake_max": 1, "awake_max_per_user": 1, "idle_sleep_s": 0.0}
    async with ScriptedModel(lambda _: text("Hel", "lo.")) as model:
        async with listening(settings_for(tmp_path, model, sessions=bounds)) as live:

            async def visits(session_id: str, view: View, epoch: str, count: int) -> View:
                for _ in range(count):
                    async with contextlib.AsyncExitStack() as stack:
                        back = await admitted(stack, live, session_id, view=view, after=view.seq, epoch=epoch)
                        await back.synced()
                        assert back.ready.recovered
                        if rng.random() < 0.7:
                            await eventually(partial(turn_if_there_is_room, back))
                    await asyncio.sleep(rng.uniform(0, 0.005))
                return view

            for _ in range(length(1, 40)):
                left = []
                for _ in range(2):
                    async with contextlib.AsyncExitStack() as stack:
                        talker = await admitted(stack, live)
                        await eventually(partial(turn_if_there_is_room, talker))
                        left.append((talker.ready.session_id, talker.view, talker.ready.epoch))
                await asyncio.gather(*(visits(*one, 60) for one in left))
                for session_id, view, _ in left:
                    async with contextlib.AsyncExitStack() as stack:
                        assert same_view((await (await admitted(stack, live, session_id)).synced()).view, view)
                tally["visits to a session falling asleep"] += 2 * 60


async def test_attaching_at_any_step_of_falling_asleep_gives_a_session_that_answers(
    tmp_path: Path, tally: Counter[str]
) -> None:
    """As the reaper does it, at every turn of the loop while a socket attaches, and while a submission comes in."""
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")

        async def attach() -> None:
            async with manager.attach((await manager.registry.open(session_id)).row) as port:
                cursor = port.follow()
                await asyncio.sleep(0)
                assert await cursor.next(1) == []
                assert (await port.standing()).state == "idle"
                refused = await port.submit(Undo())
                answer = refused if isinstance(refused, SubmissionRefusal) else await refused
                assert answer.code == codes.NOTHING_TO_UNDO  # type: ignore[union-attr]  # a refusal
                assert cursor.close_reason is None
                cursor.detach()

        async def submit() -> None:
            assert (await manager.undo(session_id)).code == codes.NOTHING_TO_UNDO  # type: ignore[union-attr]  # a refusal

        for comes in (attach, submit):
            for steps in range(length(40, 400)):
                tasks = TaskOwner("arrival")
                arriving = tasks.start(comes(), "arrive")
                for _ in range(steps % 40):
                    await asyncio.sleep(0)
                for actor in manager.registry.all():
                    if actor.may_sleep:
                        actor.stop()
                async with asyncio.timeout(PATIENCE_S):
                    await arriving
                tally["arrivals while falling asleep"] += 1
