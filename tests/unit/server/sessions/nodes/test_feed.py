"""Feed: a socket on a server that does not run the session gets what one on the other gets, whatever is lost between them."""

from pathlib import Path

import msgspec
import psycopg
import pytest

from protocol import codes
from protocol import events as ev
from protocol.submissions import Shutdown, UserInput
from server.journal.postgres.nodes import notices
from tests.support.live import Client, client, same_view
from tests.support.models.scripted_model import Finish, Gate, ScriptedModel, Text, stream, text
from tests.support.polling import eventually
from tests.support.postgres.ears import ears, heads_in
from tests.unit.server.sessions.nodes.two import two


@pytest.mark.parametrize("words", ["heard", "lost"])
async def test_a_client_that_is_cut_in_the_middle_of_a_word_goes_on_at_another_server(
    tmp_path: Path, database: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if words == "lost":
        monkeypatch.setattr(notices.Notifier, "tell", lambda self, heads, others: None)
    gate, last = Gate(), Gate()
    script = [stream(Text("Once up"), gate, Text("on a ti"), last, *(Text(f"me {n}") for n in range(50)), Finish())]
    async with ScriptedModel(script) as model, two(tmp_path, database, model) as (a, b):
        async with client(a) as first:
            await first.send(UserInput(text="tell"))
            await first.until_type(ev.AssistantChunk)
            left = msgspec.json.decode(msgspec.json.encode(first.view), type=type(first.view))
            async with (
                client(b, first.ready.session_id, view=left, **first.position) as back,
                client(b, first.ready.session_id, encoding="msgpack") as fresh,
            ):
                await back.synced()
                await fresh.synced()
                assert (back.ready.recovered, back.ready.epoch) == (True, first.ready.epoch)
                assert back.ready.state == fresh.ready.state == "running"
                gate.open()
                assert isinstance(await back.until_type(ev.AssistantChunk), ev.AssistantChunk)
                last.open()
                for one in (first, back, fresh):
                    await one.until_type(ev.TurnComplete)
                    one.view.model = first.view.model
                assert same_view(first.view, back.view)
                assert same_view(first.view, fresh.view)
                assert b.manager.active_session_count == 0


async def test_a_server_tells_of_a_session_while_it_is_followed_elsewhere(tmp_path: Path, database: str) -> None:
    async with (
        ScriptedModel(lambda _: text("Hello.")) as model,
        two(tmp_path, database, model) as (a, b),
        client(a) as first,
    ):
        await first.synced()
        session_id = first.ready.session_id
        with ears(database) as hearing:

            async def is_not_told() -> bool:
                hearing.so_far()
                await first.send(UserInput(text="who hears of this?"))
                await first.until_type(ev.TurnComplete)
                return session_id not in heads_in(hearing.so_far())

            await eventually(is_not_told, "the other said that it does not follow the session")
            async with client(b, session_id) as second:
                await second.synced()
                await first.send(UserInput(text="hello"))
                await second.until_type(ev.TurnComplete)
                assert session_id in heads_in(hearing.so_far())
        nodes = b.manager.registry.services.nodes
        assert nodes is not None and nodes.counts.notify_missed == 0


async def test_followers_elsewhere_end_with_their_session(tmp_path: Path, database: str) -> None:
    async with two(tmp_path, database) as (a, b):
        async with client(a) as closing, client(a) as deleting:
            await closing.synced()
            await deleting.synced()
            async with client(b, closing.ready.session_id) as closed, client(b, deleting.ready.session_id) as deleted:
                await closed.synced()
                await deleted.synced()
                await closing.send(Shutdown())
                assert await ended(closed) == codes.CLOSE_GOODBYE
                await b.manager.delete_session(deleting.ready.session_id)
                assert await ended(deleted) == codes.CLOSE_DELETED
                assert await ended(deleting) == codes.CLOSE_DELETED


async def test_a_session_that_fell_asleep_here_wakes_there_and_its_followers_notice_nothing(
    tmp_path: Path, database: str
) -> None:
    async with two(tmp_path, database) as (a, b), client(a) as first:
        await first.send(UserInput(text="hello"))
        await first.until_type(ev.TurnComplete)
        (actor,) = a.manager.registry.all()
        await eventually(lambda: actor.may_sleep)
        await a.manager.registry.end(actor)
        async with client(b, first.ready.session_id) as second:
            await second.synced()
            await second.send(UserInput(text="and now?"))
            await second.until_type(ev.TurnComplete)
            await first.until_type(ev.TurnComplete)
            assert (a.manager.active_session_count, b.manager.active_session_count) == (0, 1)
            first.view.model = second.view.model
            assert same_view(first.view, second.view)


async def test_servers_that_do_not_tell_one_another_look_for_all_of_it(tmp_path: Path, database: str) -> None:
    async with (
        ScriptedModel(lambda _: text("Hello.")) as model,
        two(tmp_path, database, model, notify="off") as (a, b),
        client(a) as first,
    ):
        await first.synced()
        async with client(b, first.ready.session_id) as second:
            await second.synced()
            await second.send(UserInput(id="one", text="hello"))
            assert isinstance(await second.until_type(ev.Accepted), ev.Accepted)
            for one in (first, second):
                await one.until_type(ev.TurnComplete)
                one.view.model = first.view.model
            assert same_view(first.view, second.view)
            assert (a.manager.active_session_count, b.manager.active_session_count) == (1, 0)
        with psycopg.connect(database) as connection:
            names = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
            connected = " ".join(str(name) for (name,) in connection.execute(names))
        assert "beat" in connected and "listen" not in connected and "notify" not in connected
        deleting = first.ready.session_id
        async with client(b, deleting) as follower:
            await follower.synced()
            await a.manager.delete_session(deleting)
            assert await ended(follower) == codes.CLOSE_DELETED


async def ended(one: Client) -> int:
    """The code with which the client's socket is closed."""
    await one.socket.wait_closed()
    assert one.socket.close_code is not None
    return one.socket.close_code
