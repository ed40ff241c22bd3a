"""Session port: followers notice nothing of what happens to the actor, and reading wakes nobody."""

import asyncio
import gc
import sqlite3
import weakref
from pathlib import Path
from typing import Any

import pytest

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol import events as ev
from protocol.content import UserMessage
from protocol.submissions import Interrupt, SetModel, Submission, Undo, UserInput
from server.journal.base import Fenced, Record
from server.sessions.inbox import Answer, DuplicateSubmission
from server.sessions.manager import SessionManager
from server.sessions.ports.port import SessionPort
from server.sessions.recorder import JournalRecorder
from tests.support.application import Listener, ListenerEnded, running, settings_for
from tests.support.live import PATIENCE_S, client, listening, same_view
from tests.support.models.scripted_model import Finish, Gate, Hang, ScriptedModel, Text, stream, text
from tests.support.polling import eventually

DONE = (ev.TurnComplete, ev.Interrupted, ev.ErrorEvent)


async def sent(port: SessionPort, submission: Submission) -> Answer:
    pending = await port.submit(submission)
    return pending if isinstance(pending, SubmissionRefusal) else await pending


async def row_of(manager: SessionManager, session_id: str) -> Any:
    return (await manager.registry.open(session_id)).row


async def asleep(manager: SessionManager, session_id: str) -> None:
    actor = manager.registry.get(session_id)
    if actor is not None:
        await manager.registry.end(actor)


async def test_to_read_a_sleeping_session_wakes_nobody_and_a_submission_does(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with running(settings) as manager:
        session_id = await manager.create_session("ann")
        async with manager.attach(await row_of(manager, session_id)) as port:
            listener = Listener(port)
            await sent(port, UserInput(text="hello there"))
            await listener.until_type(*DONE)
            awake = (await port.standing(), await port.view())
    async with running(settings) as manager:
        async with manager.attach(await row_of(manager, session_id)) as port:
            assert (await port.standing(), await port.view()) == awake
            assert (port.head, port.durable) == (awake[1].seq, True)
            assert manager.active_session_count == 0
            listener = Listener(port, port.head)
            assert isinstance(await sent(port, UserInput(text="again")), ev.Accepted)
            await listener.until_type(*DONE)
            assert manager.active_session_count == 1
            assert len((await port.view()).messages) == 4


async def test_followers_of_a_session_that_falls_asleep_stay_and_get_all_that_comes_later(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        async with manager.attach_new("ann") as port:
            listener = Listener(port)
            for number in range(3):
                assert isinstance(await sent(port, UserInput(text=f"{number}")), ev.Accepted)
                await listener.until_type(*DONE)
                await asleep(manager, port.session_id)
                assert (port.actor, len(port.broadcaster)) == (None, 1)
            assert [event.seq for event in listener.events] == list(range(1, port.head + 1))
            assert (await manager.get_session_info(port.session_id)).is_active is False


async def test_a_session_that_fell_asleep_leaves_nothing_of_its_actor_with_its_followers(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await sent(port, UserInput(text="hello"))
        await listener.until_type(*DONE)
        left = weakref.ref(manager.registry.all()[0])
        await asleep(manager, port.session_id)
        await eventually(lambda: gc.collect() >= 0 and left() is None)


async def test_the_port_goes_when_nobody_follows_and_the_session_sleeps(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        ports = manager.registry.ports
        session_id = await manager.create_session("ann")
        assert ports.get(session_id) is not None
        async with manager.attach(await row_of(manager, session_id)):
            await asleep(manager, session_id)
            assert (ports.sockets(session_id), manager.is_used(session_id)) == (1, True)
        await eventually(lambda: len(ports) == 0)
        assert not manager.is_used(session_id)


async def test_a_submission_that_needs_a_place_where_all_work_is_refused_for_now(tmp_path: Path) -> None:
    bounds = {"awake_max": 1, "awake_max_per_user": 1}
    gate = Gate()
    async with (
        ScriptedModel([stream(Text("Done."), gate, Finish()), text("Now.")]) as model,
        running(settings_for(tmp_path, model, sessions=bounds)) as manager,
        manager.attach_new("ann") as first,
        manager.attach_new("ann") as second,
    ):
        works = Listener(second)
        await sent(second, UserInput(text="work"))
        refused = await sent(first, UserInput(id="x", text="me too"))
        assert isinstance(refused, SubmissionRefusal) and refused.code == codes.CAPACITY
        gate.open()
        await works.until_type(*DONE)

        async def taken() -> bool:
            return isinstance(await sent(first, UserInput(id="x", text="me too")), ev.Accepted | DuplicateSubmission)

        await eventually(taken)
        assert (await Listener(first).until_type(*DONE)).final_response == "Now."


async def test_a_fenced_actor_is_followed_by_another_and_each_submission_is_answered_once(tmp_path: Path) -> None:
    async with ScriptedModel(lambda _: text("Hello.")) as model, running(settings_for(tmp_path, model)) as manager:
        async with manager.attach_new("ann") as port:
            listener = Listener(port)
            await manager.journal.acquire(port.session_id)
            inputs = [UserInput(id="one", text="one"), UserInput(text="two")]
            answers = await asyncio.gather(*(sent(port, one) for one in inputs))
            assert all(isinstance(answer, ev.Accepted) for answer in answers)
            for _ in inputs:
                await listener.until_type(ev.TurnComplete)
            asked = [event.submission.text for event in listener.events if isinstance(event, ev.Accepted)]  # type: ignore[union-attr]  # all are inputs
            assert asked == ["one", "two"]


async def test_a_turn_whose_actor_is_fenced_is_ended_without_anybody_coming(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        ScriptedModel([stream(Text("Once "), gate, Text("upon "), Hang())], allow_complaints=True) as model,
        running(settings_for(tmp_path, model)) as manager,
        manager.attach_new("ann") as port,
    ):
        listener = Listener(port)
        await sent(port, UserInput(text="tell"))
        await listener.until_type(ev.AssistantChunk)
        await manager.journal.acquire(port.session_id)
        gate.open()
        assert (await listener.until_type(*DONE)).reason == "restart"
        assert (await port.standing()).state == "idle"
        answer = await sent(port, Interrupt())
        assert isinstance(answer, SubmissionRefusal) and answer.code == codes.NOTHING_TO_INTERRUPT


async def test_after_a_fault_followers_come_back_to_a_session_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, faults = JournalRecorder.append, ["once"]

    async def failing(self: JournalRecorder, events: list[ev.Event], *args: Any) -> tuple[Record, ...]:
        if faults and any(isinstance(event, ev.AssistantMessageEvent) for event in events):
            raise ArithmeticError(faults.pop())
        return await append(self, events, *args)

    monkeypatch.setattr(JournalRecorder, "append", failing)
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await sent(port, UserInput(text="hello"))
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(*DONE)
        assert ended.value.reason.code == codes.CLOSE_FAULT
        back = Listener(port, listener.events[-1].seq)
        assert (await back.until_type(*DONE)).reason == "restart"


async def test_followers_of_a_sleeping_session_hear_of_its_deletion(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await asleep(manager, port.session_id)
        await manager.delete_session(port.session_id)
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.Accepted)
        assert ended.value.reason.code == codes.CLOSE_DELETED
        refused = await sent(port, UserInput(text="hello?"))
        assert isinstance(refused, SubmissionRefusal) and refused.code == codes.SESSION_CLOSED


async def test_a_tombstone_that_the_port_finds_by_itself_ends_its_followers(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await manager.journal.delete(port.session_id)
        await sent(port, UserInput(text="hello?"))
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.Accepted)
        assert ended.value.reason.code == codes.CLOSE_DELETED


async def test_a_shutdown_ends_the_followers_of_now_and_later_ones_may_read(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await manager.shutdown_session(port.session_id)
        await listener.until_type(ev.ShutdownEvent)
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.Accepted)
        assert ended.value.reason.code == codes.CLOSE_GOODBYE
        await asleep(manager, port.session_id)
        later = port.follow()
        assert ((await port.standing()).state, await later.next(1), later.close_reason) == ("closed", [], None)


async def test_a_server_that_stops_tells_the_followers_of_sleeping_sessions_too(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        await asleep(manager, port.session_id)
        await manager.registry.drain("the server is stopping")
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.Accepted)
        assert (ended.value.reason.code, ended.value.reason.text) == (1001, "the server is stopping")
        refused = await sent(port, UserInput(text="hello?"))
        assert isinstance(refused, SubmissionRefusal) and refused.code == codes.GOING_AWAY


async def test_a_server_that_stops_tells_the_followers_of_a_session_that_is_falling_asleep(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager, manager.attach_new("ann") as port:
        listener = Listener(port)
        (actor,) = manager.registry.all()
        actor.stop()
        await manager.registry.drain("the server is stopping")
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.Accepted)
        assert ended.value.reason.code == 1001


async def test_after_a_new_epoch_followers_come_back_to_what_is_stored(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        ports = manager.registry.ports
        async with manager.attach_new("ann") as port, manager.attach_new("ann") as sleeping:
            await asleep(manager, sleeping.session_id)
            await sent(port, UserInput(text="hello"))
            listeners = [Listener(port, port.head), Listener(sleeping)]
            manager.registry._on_new_epoch()  # as the journal on PostgreSQL reports it
            async with manager.attach(await row_of(manager, port.session_id)) as early:
                assert early is not port, "its actor has not ended yet"
            for listener in listeners:
                with pytest.raises(ListenerEnded) as ended:
                    await listener.until(lambda _: False)
                assert ended.value.reason.code == codes.CLOSE_GOING_AWAY
            await eventually(lambda: port.actor is None)
            async with manager.attach(await row_of(manager, port.session_id)) as anew:
                assert anew is not port and anew is ports.get(port.session_id)
                back = Listener(anew)
                assert (await back.until_type(*DONE)).reason == "restart"
                await sent(anew, UserInput(text="again"))
                await back.until_type(ev.TurnComplete)


async def test_a_sleeping_session_that_chose_no_model_has_that_of_the_day(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        chose = [await manager.create_session("ann") for _ in range(2)]
        firsts: list[Submission] = [Undo(), SetModel(model="demo", reasoning_effort="high")]
        for session_id, first in zip(chose, firsts, strict=True):
            async with manager.attach(await row_of(manager, session_id)) as port:
                await sent(port, first)
                await sent(port, UserInput(text="hello"))
                await Listener(port).until_type(*DONE)
    async with ScriptedModel([]) as model, running(settings_for(tmp_path, model)) as manager:
        models = []
        for session_id in chose:
            async with manager.attach(await row_of(manager, session_id)) as port:
                assert (await port.standing()).model == (await port.view()).model
                models.append((await port.standing()).model)
        assert models == ["openai/scripted", "demo"]
        assert manager.active_session_count == 0


async def test_sockets_of_a_session_whose_actor_is_lost_notice_nothing_and_what_waits_is_answered_once(
    tmp_path: Path,
) -> None:
    """The journal is held up, so that what was sent is decided, and not stored when the actor is lost."""
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.synced()
        (actor,) = live.manager.registry.all()
        with sqlite3.connect(tmp_path / "journal.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await talker.send(UserInput(text="hello"))
            async with asyncio.timeout(PATIENCE_S):
                while actor.durable:
                    await asyncio.sleep(0)
            async with client(live, actor.session_id) as waiting:
                actor.cancel()
                other.execute("ROLLBACK")
                await waiting.synced()
                await talker.until_type(*DONE)  # interrupted, if it was stored all the same
                await waiting.until(lambda frame: waiting.view.seq == talker.view.seq)
                assert same_view(waiting.view, talker.view)
                assert [message.text for message in talker.view.messages if isinstance(message, UserMessage)] == [
                    "hello"
                ]
        other.close()


async def test_a_socket_gets_an_answer_once_that_was_stored_when_its_actor_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, losses = JournalRecorder.append, ["once"]

    async def stored_and_lost(
        self: JournalRecorder, events: list[ev.Event], answers: Any, *args: Any
    ) -> tuple[Record, ...]:
        records = await append(self, events, answers, *args)
        if answers and losses:
            raise Fenced(losses.pop())
        return records

    monkeypatch.setattr(JournalRecorder, "append", stored_and_lost)
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.synced()
        await talker.send(UserInput(id="one", text="hello"))
        await talker.until_type(*DONE)
        await talker.send(UserInput(id="two", text="and?"))
        await talker.until_type(ev.TurnComplete)
        answered = [one.submission_id for one in talker.frames if isinstance(one, ev.Accepted)]
        assert answered == ["one", "two"] and not losses
