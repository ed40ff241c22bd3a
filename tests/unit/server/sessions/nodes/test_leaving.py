"""Leaving: a server that is told to stop gives its sessions to the others, and lets running turns end."""

from pathlib import Path

import pytest

from agent.util.tasks import TaskOwner
from protocol import codes
from protocol import events as ev
from protocol.codes import CloseReason
from protocol.content import AssistantMessage
from protocol.submissions import Approval, ExecApproval, UserInput
from server.journal.nodes.lease import ended
from server.journal.postgres.nodes.nodes import PostgresNodes
from server.sessions.errors import GoingAway
from server.sessions.nodes.leaving import hand_over
from tests.support.live import Live, client
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Request,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)
from tests.support.network.bare_http import request, status
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two

RESTART = CloseReason(codes.CLOSE_GOING_AWAY, "the server is restarting")


async def leave(live: Live, wait_s: float = 30.0, *, cut_short: bool = False) -> None:
    registry = live.manager.registry
    await hand_over(registry, registry.services.nodes, RESTART, wait_s, lambda: cut_short)


async def test_a_server_that_leaves_gives_back_what_rests_and_what_runs_when_its_turn_has_ended(
    tmp_path: Path, database: str
) -> None:
    gate = Gate()

    def answer(request: Request) -> Answer:
        if request.messages[-1]["role"] == "tool":
            return text("Written.")
        said = request.last_user_text
        if said == "write":
            return calls(Call("write", {"path": "a.txt", "content": "a"}))
        return stream(Text("Once "), gate, Text("more."), Finish()) if said == "tell" else text("Again.")

    tasks = TaskOwner("test")
    async with (
        ScriptedModel(answer) as model,
        two(tmp_path, database, model, lease_s=1.0) as (a, b),
        client(a) as teller,
        client(a) as asker,
    ):
        registry = a.manager.registry
        await eventually(lambda: registry.ownership.is_first)
        await asker.send(UserInput(text="write"))
        await asker.until_type(ev.ApprovalRequired)
        await teller.send(UserInput(text="tell"))
        await teller.until_type(ev.AssistantChunk)
        leaving = tasks.start(leave(a), "leave")
        assert await asker.closed() == await teller.closed() == (codes.CLOSE_GOING_AWAY, RESTART.text)
        assert status(await request(a.port, "/readyz")) == 503
        assert status(await request(b.port, "/readyz")) == 200
        async with client(b, asker.ready.session_id) as approver:
            await approver.synced()
            (pending,) = approver.view.pending_approval
            await approver.send(ExecApproval(approvals=[Approval(pending.tool_call_id, True)]))
            await approver.until_type(ev.TurnComplete)
        assert b.manager.registry.get(asker.ready.session_id) is not None
        await eventually(lambda: b.manager.registry.ownership.is_first)
        nodes = b.manager.registry.services.nodes
        assert nodes is not None
        assert [one.state for one in await nodes.everybody()] == ["draining", "alive"]
        assert not registry.ownership.is_first
        async with client(b, teller.ready.session_id, view=teller.view, **teller.position) as other:
            await other.send(UserInput(text="and then?"))
            await other.until_type(ev.Accepted)
            assert not leaving.done() and b.manager.registry.get(teller.ready.session_id) is None
            gate.open()
            await other.until_type(ev.TurnComplete)
            await leaving
            await other.until_type(ev.TurnComplete)
            said = [one.text for one in other.view.messages if isinstance(one, AssistantMessage)]
            assert said == ["Once more.", "Again."]
        assert not registry.all()
        assert b.manager.registry.get(teller.ready.session_id) is not None


async def test_a_turn_that_does_not_end_in_time_is_stopped_with_the_server(tmp_path: Path, database: str) -> None:
    gate = Gate()
    async with (
        ScriptedModel(lambda _: stream(Text("Once "), gate), allow_complaints=True) as model,
        two(tmp_path, database, model) as (a, b),
    ):
        for cut_short in (False, True):
            async with client(a) as teller:
                await teller.send(UserInput(text="tell"))
                await teller.until_type(ev.AssistantChunk)
                await leave(a, 0.0 if not cut_short else 60.0, cut_short=cut_short)
                session_id = teller.ready.session_id
            registry = a.manager.registry
            actor = registry.get(session_id)
            assert actor is not None and not actor.stopping
            async with client(b, session_id, after=0) as other:
                await registry.end(actor, RESTART)
                ended = await other.until_type(ev.Interrupted)
                assert ended.reason == "shutdown"
            registry.leaving = False
        gate.open()


async def test_a_server_that_is_the_last_gives_nothing_away(tmp_path: Path, database: str) -> None:
    async with two(tmp_path, database, lease_s=1.0) as (a, b):
        await b.manager.create_session("local")
        await leave(a)
        with pytest.raises(GoingAway):
            await a.manager.create_session("local")
        await eventually(lambda: b.manager.registry.ownership.is_first)
        await leave(b)
        assert b.manager.active_session_count == 1 and not b.manager.registry.refusal()


async def test_a_server_whose_lease_is_over_is_not_ready_until_it_reaches_the_database_again(
    tmp_path: Path, database: str
) -> None:
    async with two(tmp_path, database) as (a, b):
        nodes = a.manager.registry.services.nodes
        assert isinstance(nodes, PostgresNodes)
        lease = nodes._beat.lease
        nodes._beat.lease = ended(lease)
        answer = await request(a.port, "/readyz")
        assert status(answer) == 503 and b"has not reached the database" in answer
        assert status(await request(a.port, "/livez")) == status(await request(b.port, "/readyz")) == 200
        nodes._beat.lease = lease
        assert status(await request(a.port, "/readyz")) == 200
