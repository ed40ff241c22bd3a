"""Forwarding: what is sent to a server that does not run the session is done once, where it runs."""

import asyncio
from pathlib import Path

from agent.session.messages import SubmissionRefusal
from agent.util.tasks import TaskOwner
from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Approval, ExecApproval, Shutdown, UserInput
from server.journal.nodes.inbox import Forwarded
from server.sessions.inbox import DuplicateSubmission, PendingSubmission
from tests.support.live import Client, client
from tests.support.models.scripted_model import Call, Gate, Hang, Request, ScriptedModel, Text, calls, stream, text
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import rows, two


async def test_what_is_sent_at_one_server_is_done_at_the_other_once(tmp_path: Path, database: str) -> None:
    async with (
        ScriptedModel(lambda _: text("Hello.")) as model,
        two(tmp_path, database, model) as (a, b),
        client(a) as first,
    ):
        await first.synced()
        async with client(b, first.ready.session_id) as second:
            await second.synced()
            said = UserInput(id="one", text="hello there")
            await second.send(said)
            await second.until_type(ev.TurnComplete)
            await first.until_type(ev.TurnComplete)
            before = second.view.seq
            await second.send(said)
            again = await second.until_type(ev.Accepted)
            assert again.submission_id == "one"
            await first.send(said)
            await first.until_type(ev.Accepted)
            await second.send(UserInput(id="one", text="something else"))
            refused = await second.until_type(Refused)
            assert (refused.code, refused.id) == (codes.ID_CONFLICT, "one")
            await second.send(UserInput(text="without an id"))
            await second.until_type(ev.TurnComplete)
            assert [e.submission_id for e in first.events if isinstance(e, ev.Accepted) and e.seq <= before] == [
                "one"
            ] * 2
            assert b.manager.active_session_count == 0
        assert await rows(database) == 0


async def test_an_approval_and_a_stop_at_one_server_reach_the_other(tmp_path: Path, database: str) -> None:
    gate = Gate()

    def answer(request: Request) -> object:
        if request.messages[-1]["role"] == "tool":
            return stream(Text("Written. "), gate, Hang())
        return calls(Call("write", {"path": "a.txt", "content": "a"}))

    async with (
        ScriptedModel(answer, allow_complaints=True) as model,  # type: ignore[arg-type]
        two(tmp_path, database, model) as (a, b),
        client(a) as first,
    ):
        await first.send(UserInput(text="write"))
        await first.until_type(ev.ApprovalRequired)
        async with client(b, first.ready.session_id) as second:
            await second.synced()
            (pending,) = second.view.pending_approval
            await second.send(ExecApproval(approvals=[Approval(pending.tool_call_id, True)]))
            await second.until_type(ev.ToolOutput)
            await second.send(ExecApproval(id="late", approvals=[Approval(pending.tool_call_id, True)]))
            refused = await second.until_type(Refused)
            assert refused.id == "late"
            gate.open()
            await b.manager.interrupt(first.ready.session_id)
            ended = await first.until_type(ev.Interrupted)
            assert ended.reason == "user"
            await second.send(Shutdown())
            await first.socket.wait_closed()
        assert await rows(database) == 0


async def test_what_waits_for_an_owner_that_is_lost_is_taken_by_the_next(tmp_path: Path, database: str) -> None:
    async with (
        ScriptedModel(lambda _: text("Hello.")) as model,
        two(tmp_path, database, model) as (a, b),
        client(b) as second,
    ):
        session_id = await a.manager.create_session("local")
        tasks = TaskOwner("test")
        actor = a.manager.registry.get(session_id)
        assert actor is not None
        shared = a.manager.registry.shared
        assert shared is not None
        await shared.aclose()  # it takes nothing any more
        a.manager.registry.draining = True
        waiting = tasks.start(b.manager.submit_user_input(session_id, "hello"), "say")
        await eventually(lambda: rows_there(database))
        await a.manager.registry.end(actor)
        answer = await waiting
        assert not isinstance(answer, SubmissionRefusal)
        assert b.manager.registry.get(session_id) is not None
        assert await rows(database) == 0
        assert isinstance(second, Client)


async def test_what_a_lost_actor_left_is_answered_by_the_server_that_took_its_session(
    tmp_path: Path, database: str
) -> None:
    async with ScriptedModel(lambda _: text("Hello.")) as model, two(tmp_path, database, model) as (a, b):
        session_id = await b.manager.create_session("local")
        row = (await a.manager.registry.open(session_id)).row
        async with a.manager.attach(row) as port:
            left = [pending(UserInput(id=f"{n}", text="hello")) for n in range(2)]
            handover = a.manager.registry._handover
            handover.leave(session_id, left)
            await handover.go_on(port, unfinished=True)
            answers = [await one.answer for one in left]
        assert [isinstance(answer, ev.Accepted) for answer in answers] == [True, True]
        assert a.manager.active_session_count == 0
        again = await b.manager.submit(session_id, UserInput(id="1", text="hello"))
        assert isinstance(again, DuplicateSubmission)


def pending(submission: UserInput) -> PendingSubmission:
    return PendingSubmission(submission, asyncio.get_running_loop().create_future(), own_id=True)


async def rows_there(database: str) -> bool:
    return await rows(database) > 0


async def test_a_submission_that_only_a_newer_server_knows_is_refused_and_holds_nothing_up(
    tmp_path: Path, database: str
) -> None:
    async with ScriptedModel(lambda _: text("Hello.")) as model, two(tmp_path, database, model) as (a, b):
        session_id = await a.manager.create_session("local")
        nodes = b.manager.registry.services.nodes
        assert nodes is not None
        await nodes.forward(session_id, "newer", Forwarded(b'{"type":"newer","id":"newer"}', b"digest", "", ""))
        assert not isinstance(await b.manager.submit_user_input(session_id, "hello"), SubmissionRefusal)
        await eventually(lambda: none_there(database))


async def none_there(database: str) -> bool:
    return await rows(database) == 0
