"""Session manager: every operation, and the faults of the manager that it replaced."""

import asyncio
import json
from pathlib import Path

import pytest

from agent.session.messages import SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Approval, UserInput
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.inbox import DuplicateSubmission
from server.sessions.manager import SessionManager
from tests.support.application import Listener, ListenerEnded, running, settings_for
from tests.support.models.scripted_model import Call, Gate, Hang, ScriptedModel, Text, calls, stream, text

DONE = (ev.TurnComplete, ev.Interrupted, ev.ErrorEvent)


async def listen(manager: SessionManager, session_id: str) -> Listener:
    async with manager.attach((await manager.registry.open(session_id)).row) as port:
        return Listener(port)


async def works(manager: SessionManager, user_id: str) -> str:
    """A session of this user in which a turn runs."""
    session_id = await manager.create_session(user_id)
    assert isinstance(await manager.submit_user_input(session_id, "work"), ev.Accepted)
    return session_id


async def test_a_turn_runs_without_a_subscriber_and_loses_nothing(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hel", "lo.")]) as model, running(settings_for(tmp_path, model)) as manager:
        session_id = await manager.create_session("ann")
        answer = await manager.submit_user_input(session_id, "hi")
        assert isinstance(answer, ev.Accepted)
        listener = await listen(manager, session_id)
        done = await listener.until_type(*DONE)
        assert done.final_response == "Hello."
        assert [event.seq for event in listener.events][0] == 1


async def test_a_subscriber_right_after_creation_gets_the_first_event(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        listener = await listen(manager, session_id)
        await manager.submit_user_input(session_id, "hello")
        assert (await listener.until_type(ev.Accepted)).seq == 1


async def test_a_submission_sent_again_gets_the_first_answer_and_is_not_run_again(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        first = await manager.submit(session_id, UserInput(id="x", text="hello"))
        again = await manager.submit(session_id, UserInput(id="x", text="hello"))
        other = await manager.submit(session_id, UserInput(id="x", text="something else"))
        assert isinstance(first, ev.Accepted)
        assert isinstance(again, DuplicateSubmission) and again.seq == first.seq
        assert isinstance(other, SubmissionRefusal) and other.code == "id_conflict"


async def test_the_same_submission_twice_at_once_is_one_turn(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        both = await asyncio.gather(*(manager.submit(session_id, UserInput(id="x", text="hello")) for _ in range(8)))
        assert sum(isinstance(answer, ev.Accepted) for answer in both) == 1
        assert sum(isinstance(answer, DuplicateSubmission) for answer in both) == 7


async def test_an_approval_runs_what_was_approved(tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("Done.")]
    async with ScriptedModel(script) as model, running(settings_for(tmp_path, model)) as manager:
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "write")
        listener = await listen(manager, session_id)
        request = await listener.until_type(ev.ApprovalRequired)
        info = await manager.get_session_info(session_id)
        assert [pending["tool"] for pending in json.loads(bytes(info.pending_approval))] == ["write"]
        edited = {"path": "b.txt", "content": "y"}
        await manager.submit_approval(session_id, [Approval(request.tools[0].tool_call_id, True, "", edited)])
        await listener.until_type(*DONE)
        assert (tmp_path / "workspaces" / session_id / "b.txt").read_text() == "y"
        assert not (tmp_path / "workspaces" / session_id / "a.txt").exists()


async def test_an_interrupt_closes_the_models_stream_while_it_is_silent(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        ScriptedModel([stream(Text("Once"), gate, Text(" more"))]) as model,
        running(settings_for(tmp_path, model)) as manager,
    ):
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "tell")
        listener = await listen(manager, session_id)
        await listener.until_type(ev.AssistantChunk)
        asyncio.get_running_loop()
        await manager.interrupt(session_id)
        request = await model.request(0)
        async with asyncio.timeout(30):
            await request.left.wait()
        assert (await listener.until_type(*DONE)).reason == "user"


async def test_an_interrupt_between_two_turns_is_refused_without_effect_on_the_next(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        answer = await manager.interrupt(session_id)
        assert isinstance(answer, SubmissionRefusal) and answer.code == "nothing_to_interrupt"
        await manager.submit_user_input(session_id, "hello")
        listener = await listen(manager, session_id)
        assert isinstance(await listener.until_type(*DONE), ev.TurnComplete)


async def test_undo_removes_the_last_turn(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "hello")
        await (await listen(manager, session_id)).until_type(*DONE)
        assert isinstance(await manager.undo(session_id), ev.Accepted)
        assert (await manager.get_session_info(session_id)).message_count == 0


async def test_compact_of_a_short_conversation_is_refused(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        answer = await manager.compact(session_id)
        assert isinstance(answer, SubmissionRefusal) and answer.code == "nothing_to_compact"


async def test_two_hundred_creates_at_once_never_pass_the_users_limit(tmp_path: Path) -> None:
    settings = {"awake_max": 50, "awake_max_per_user": 10}
    async with (
        ScriptedModel(lambda _: stream(Hang()), allow_complaints=True) as model,
        running(settings_for(tmp_path, model, sessions=settings)) as manager,
    ):
        made = await asyncio.gather(*(works(manager, "ann") for _ in range(200)), return_exceptions=True)
        refused = [error.error_type for error in made if isinstance(error, SessionCapacityError)]
        assert manager.active_session_count == 10
        assert len(refused) >= 100 and set(refused) == {"per_user"}
        assert sum(isinstance(one, str) for one in made) + len(refused) == 200


async def test_the_servers_limit_holds_over_all_users(tmp_path: Path) -> None:
    settings = {"awake_max": 3, "awake_max_per_user": 2}
    async with (
        ScriptedModel(lambda _: stream(Hang()), allow_complaints=True) as model,
        running(settings_for(tmp_path, model, sessions=settings)) as manager,
    ):
        for user_id in ("ann", "ann", "ben"):
            await works(manager, user_id)
        with pytest.raises(SessionCapacityError) as refused:
            await manager.create_session("cat")
        assert refused.value.error_type == "global"


async def test_an_idle_session_is_put_to_sleep_for_another_and_its_sockets_stay(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, sessions={"awake_max": 2, "awake_max_per_user": 2})
    async with running(settings) as manager:
        async with manager.attach_new("ann") as followed:
            newer = [await manager.create_session("ann") for _ in range(2)]
            assert {actor.session_id for actor in manager.registry.all()} == set(newer)
            assert (await manager.get_session_info(followed.session_id)).is_active is False
            assert followed.sockets == 1
            listener = Listener(followed)
            await manager.submit_user_input(followed.session_id, "hello")
            assert isinstance(await listener.until_type(*DONE), ev.TurnComplete)


async def test_a_working_session_is_not_put_to_sleep_for_another(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        ScriptedModel([stream(gate, Text("Hello."))], allow_complaints=True) as model,
        running(settings_for(tmp_path, model, sessions={"awake_max": 1, "awake_max_per_user": 1})) as manager,
    ):
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "hi")
        with pytest.raises(SessionCapacityError):
            await manager.create_session("ann")
        await manager.interrupt(session_id)


async def test_a_session_sleeps_when_it_idles_and_a_submission_wakes_it(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, sessions={"idle_sleep_s": 0.0})) as manager:
        session_id = await manager.create_session("ann")
        (actor,) = manager.registry.all()
        async with asyncio.timeout(30):
            await actor.ended.wait()
        assert manager.active_session_count == 0
        assert isinstance(await manager.submit_user_input(session_id, "hello"), ev.Accepted)


async def test_shutdown_answers_at_once_and_not_after_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.registry.SHUTDOWN_WAIT_S", 60.0)
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "a long answer please")
        async with asyncio.timeout(30):
            assert isinstance(await manager.shutdown_session(session_id), ev.Accepted)
        listener = await listen(manager, session_id)
        assert (await listener.until_type(ev.ShutdownEvent)).reason == "user"
        answer = await manager.submit_user_input(session_id, "more")
        assert isinstance(answer, SubmissionRefusal) and answer.code == "session_closed"


async def test_delete_ends_a_running_turn_and_its_subscribers(tmp_path: Path) -> None:
    gate = Gate()
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), stream(gate, Text("x"))]
    async with ScriptedModel(script) as model, running(settings_for(tmp_path, model)) as manager:
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "write")
        listener = await listen(manager, session_id)
        await listener.until_type(ev.ApprovalRequired)
        await manager.submit_approval(session_id, [Approval("c1", True)])
        await listener.until_type(ev.ToolOutput)
        await manager.delete_session(session_id)
        with pytest.raises(ListenerEnded) as ended:
            await listener.until_type(ev.ShutdownEvent)
        assert ended.value.reason.code == 4404
        assert manager.active_session_count == 0
        assert not (tmp_path / "workspaces" / session_id).exists()
        with pytest.raises(SessionNotFound):
            await manager.get_session_info(session_id)
        with pytest.raises(SessionNotFound):
            await manager.submit_user_input(session_id, "hello?")
        assert await manager.list_sessions("ann") == []


async def test_a_session_of_another_user_and_a_missing_one_give_the_same_answer(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        assert await manager.get_session_owner(session_id) == "ann"
        assert await manager.verify_session_access(session_id, "ann")
        assert not await manager.verify_session_access(session_id, "ben")
        with pytest.raises(SessionNotFound):
            await manager.registry.open("no-such-session")
        assert await manager.list_sessions("ben") == []


async def test_the_info_of_a_session_is_the_same_awake_and_asleep(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with running(settings) as manager:
        session_id = await manager.create_session("ann")
        await manager.submit_user_input(session_id, "hello there")
        await (await listen(manager, session_id)).until_type(*DONE)
        awake = await manager.get_session_info(session_id)
    async with running(settings) as manager:
        asleep = await manager.get_session_info(session_id)
    assert (awake.title, awake.message_count, awake.seq) == ("hello there", 2, asleep.seq)
    assert (asleep.title, asleep.message_count, asleep.epoch) == (awake.title, awake.message_count, awake.epoch)
    assert awake.is_active and not asleep.is_active


async def test_a_restart_in_the_middle_of_a_turn_leaves_the_session_usable(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Once upon"), gate, Text("!")), text("Hello again.")]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model)
        async with running(settings) as manager:
            session_id = await manager.create_session("ann")
            await manager.submit_user_input(session_id, "tell")
            await (await listen(manager, session_id)).until_type(ev.AssistantChunk)
        async with running(settings) as manager:
            listener = await listen(manager, session_id)
            ended = await listener.until_type(*DONE)
            assert ended.reason == "shutdown"
            await manager.submit_user_input(session_id, "and now?")
            assert (await listener.until_type(ev.TurnComplete)).final_response == "Hello again."


async def test_a_session_that_wakes_for_what_is_queued_is_not_put_to_sleep_before_its_turn(tmp_path: Path) -> None:
    async with (
        ScriptedModel([stream(Text("Once"), Hang()), text("Yes.")], allow_complaints=True) as model,
        running(settings_for(tmp_path, model)) as manager,
    ):
        async with manager.attach_new("ann") as followed:
            session_id, listener = followed.session_id, Listener(followed)
            for said in ("tell", "and then?"):
                await manager.submit_user_input(session_id, said)
            await listener.until_type(ev.AssistantChunk)
            actor = manager.registry.get(session_id)
            assert actor is not None and len(actor.state.view.queued) == 1
            await manager.registry.end(actor)
            async with manager.registry.activated(session_id) as woken:
                assert not woken.may_sleep and not woken.may_restart
            await listener.until_type(ev.TurnComplete)


async def test_a_stopping_server_accepts_no_submission(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        await manager.registry.drain("the server is stopping")
        with pytest.raises(GoingAway):
            await manager.submit_user_input(session_id, "hello")
        with pytest.raises(GoingAway):
            await manager.create_session("ann")


async def test_a_session_id_can_be_typed_and_put_into_a_url_as_it_is(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        session_id = await manager.create_session("ann")
        assert len(session_id) == 32
        assert session_id.isalnum()
