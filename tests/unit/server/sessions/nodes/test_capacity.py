"""Capacity at several servers: a user's sessions that work elsewhere count, and a server without room leaves it to one that has some."""

from pathlib import Path

import psycopg
import pytest
from websockets.exceptions import InvalidStatus

from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Interrupt, UserInput
from tests.support.live import client
from tests.support.models.scripted_model import Answer, Hang, Request, ScriptedModel, Text, stream, text
from tests.unit.server.sessions.nodes.two import two


def answer(request: Request) -> Answer:
    return stream(Text("Once"), Hang()) if request.last_user_text == "tell" else text("Yes.")


async def test_a_session_that_works_at_one_server_counts_at_another_for_its_user(tmp_path: Path, database: str) -> None:
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        two(tmp_path, database, model, sessions={"awake_max_per_user": 1}) as (a, b),
        client(a) as another,
        client(a) as teller,
    ):
        await teller.send(UserInput(text="tell"))
        await teller.until_type(ev.AssistantChunk)
        await another.synced()
        with pytest.raises(InvalidStatus, match="429"):
            async with client(b):
                pass
        async with client(b, another.ready.session_id) as here:
            await here.synced()
            await here.send(UserInput(text="and I?"))
            refused = await here.until_type(Refused)
            assert (refused.code, refused.retryable) == (codes.CAPACITY, True)
            await teller.send(Interrupt())
            await teller.until_type(ev.Interrupted)
            await here.send(UserInput(text="and I?"))
            await here.until_type(ev.TurnComplete)
            assert b.manager.active_session_count == 1


def told(database: str, name: str, room: int) -> None:
    """What the last beat of this server told of its room; the next one is seconds away."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE nodes SET room = %s WHERE name = %s", (room, name.encode()))


async def test_what_is_said_at_a_server_without_room_wakes_the_session_at_one_that_has_some(
    tmp_path: Path, database: str
) -> None:
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        two(tmp_path, database, model, sessions={"awake_max": 1}) as (a, b),
        client(a) as sleeper,
    ):
        await sleeper.synced()
        async with client(a) as teller:
            await teller.send(UserInput(text="tell"))
            await teller.until_type(ev.AssistantChunk)
            told(database, "b", 0)
            await sleeper.send(UserInput(text="and I?"))
            refused = await sleeper.until_type(Refused)
            assert (refused.code, refused.retryable) == (codes.CAPACITY, True)
            told(database, "b", 1)
            await sleeper.send(UserInput(text="and I?"))
            await sleeper.until_type(ev.TurnComplete)
            assert b.manager.registry.get(sleeper.ready.session_id) is not None
            assert teller.view.turn_id, "it still runs"
