"""Session client and real server: over a network that is cut, goes silent, and loses the server for a while."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clients.session.client import SessionClient
from clients.session.core import Position
from clients.session.errors import Denied, SubmissionRefused
from clients.session.outcomes import CaughtUp, Connected, Ended, FeedItem, Reconnecting, ViewReset
from clients.session.reconnect import Action, Backoff
from clients.session.view import at_rest
from protocol import events as ev
from protocol.content import AssistantMessage, ToolMessage
from protocol.submissions import Shutdown, Undo
from protocol.view import View, apply
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, calls, stream, text
from tests.support.network.tcp_proxy import TcpProxy
from tests.unit.clients.session.recorded import copied, encoded

QUICK = Backoff(base_s=0.01, cap_s=0.1)
PATIENCE_S = 45.0


def client_of(url: str, session_id: str | None = None, **fields: Any) -> SessionClient:
    return SessionClient(url, session_id, **({"backoff": QUICK} | fields))


async def items_until(client: SessionClient, kind: type[Any]) -> list[FeedItem]:
    items: list[FeedItem] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in client:
            items.append(item)
            if isinstance(item, kind):
                break
    return items


def folded(items: list[FeedItem], view: View) -> View:
    """The view of somebody who folds the items, each once."""
    for item in items:
        if isinstance(item, ViewReset):
            view = item.view
        elif isinstance(item, ev.EventBase):
            assert ev.first_seq(item) == view.seq + 1, "a gap, or an event twice"
            apply(view, copied(item))
    return view


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_conversation_with_an_edited_approval(tmp_path: Path, encoding: Any) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("Written.")]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with client_of(live.http, encoding=encoding) as client, asyncio.timeout(PATIENCE_S):
            await client.say("write")
            await client.wait_until(lambda view: bool(view.pending_approval))
            [pending] = client.view.pending_approval
            await client.approve(pending.tool_call_id, arguments={"path": "b.txt", "content": "edited"})
            await client.wait_until(at_rest)
            result, answer = client.view.messages[-2:]
            assert isinstance(result, ToolMessage)
            assert result.arguments == {"path": "b.txt", "content": "edited"}
            assert isinstance(answer, AssistantMessage)
            assert answer.text == "Written."
            async with client_of(live.http, client.session_id, position=Position("", 0), encoding=encoding) as other:
                assert encoded(other.view) == encoded(client.view)


async def test_a_cut_in_the_middle_of_a_message_loses_and_doubles_nothing(tmp_path: Path) -> None:
    gates = [Gate(), Gate(), Gate()]
    steps = [step for gate in gates for step in (Text("some "), Text("words "), gate)]
    async with (
        ScriptedModel([stream(*steps, Text("end."), Finish())]) as model,
        listening(settings_for(tmp_path, model)) as live,
        TcpProxy("127.0.0.1", live.port) as network,
        client_of(f"http://127.0.0.1:{network.port}") as client,
        client_of(live.http, client.session_id) as stayed,
    ):
        await client.say("talk")
        for number, gate in enumerate(gates, 1):
            async with asyncio.timeout(PATIENCE_S):
                await stayed.wait_until(
                    lambda view, n=number: view.open_message is not None and view.open_message.text == "some words " * n  # type: ignore[misc]  # a default binds the number
                )
            await network.refuse()
            await network.cut()
            gate.open()
            await stayed.wait_until(lambda view, seq=stayed.view.seq: view.seq > seq)  # type: ignore[misc]
            await network.accept()
            await client.wait_until(lambda view, seq=stayed.view.seq: view.seq >= seq)  # type: ignore[misc]
        view = folded(await items_until(client, ev.TurnComplete), View())
        await stayed.wait_until(at_rest)
        assert encoded(view) == encoded(client.view) == encoded(stayed.view)


async def test_a_submission_whose_answer_was_lost_is_done_once(tmp_path: Path) -> None:
    async with (
        ScriptedModel([text("Once.")]) as model,
        listening(settings_for(tmp_path, model)) as live,
        TcpProxy("127.0.0.1", live.port) as network,
        client_of(f"http://127.0.0.1:{network.port}") as client,
        asyncio.timeout(PATIENCE_S),
    ):
        network.delay(PATIENCE_S, "down")
        async with client_of(live.http, client.session_id) as other:
            async with asyncio.TaskGroup() as tasks:  # noqa: TID251 - ends with its block
                answer = tasks.create_task(client.say("do it"))
                await other.wait_until(lambda view: bool(view.messages) and at_rest(view))
                assert not answer.done()
                network.delay(0.0, "down")
                await network.cut()
        assert answer.result().seq == 1
        await client.wait_until(at_rest)
        assert len(model.requests) == 1
        assert len([m for m in client.view.messages if isinstance(m, AssistantMessage)]) == 1


async def test_the_client_survives_a_server_restart(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hello."), text("Still here.")]) as model:
        settings = settings_for(tmp_path, model)
        async with listening(settings) as live:
            client = client_of(live.http)
            await client.__aenter__()
            await client.say("hi")
            await client.wait_until(at_rest)
        same_port = msgspec.structs.replace(settings.server, port=live.port)
        async with listening(msgspec.structs.replace(settings, server=same_port)), asyncio.timeout(PATIENCE_S):
            await client.say("and now?")
            await client.wait_until(at_rest)
            items = await items_until(client, ev.TurnComplete) + await items_until(client, ev.TurnComplete)
            await client.__aexit__(None, None, None)
    assert any(isinstance(item, Reconnecting) and "1001" in item.why for item in items)
    assert [item.recovered for item in items if isinstance(item, Connected)] == [False, True]
    last = client.view.messages[-1]
    assert isinstance(last, AssistantMessage)
    assert last.text == "Still here."


async def test_a_silent_connection_is_replaced(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, socket={"heartbeat_s": 0.2})
    async with (
        listening(settings) as live,
        TcpProxy("127.0.0.1", live.port) as network,
        client_of(f"http://127.0.0.1:{network.port}") as client,
    ):
        network.blackhole()
        items = await items_until(client, Reconnecting)
        network.flow()
        assert items[-1] == Reconnecting(items[-1].delay_s, "nothing was heard for too long")  # type: ignore[union-attr]  # it is one
        await items_until(client, CaughtUp)
        assert network.opened == 2


async def test_a_session_that_is_deleted_is_forgotten(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client_of(live.http) as client:
        await live.manager.delete_session(client.session_id)
        last = (await items_until(client, Ended))[-1]
        assert isinstance(last, Ended)
        assert last.action is Action.FORGET
        with pytest.raises(Denied) as denied:
            async with client_of(live.http, client.session_id):
                pass
        assert denied.value.status == 404


async def test_the_client_stays_away_from_a_session_that_was_shut_down(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client_of(live.http) as client:
        await client.submit(Shutdown())
        last = (await items_until(client, Ended))[-1]
        assert isinstance(last, Ended)
        assert last.action is Action.STAY_AWAY
        assert client.view.state == "closed"


async def test_the_servers_refusal_is_raised_with_its_code(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client_of(live.http) as client:
        with pytest.raises(SubmissionRefused) as refused:
            await client.submit(Undo())
        assert refused.value.code == "nothing_to_undo"
