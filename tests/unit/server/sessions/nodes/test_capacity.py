"""Capacity at several servers: a user's sessions that work elsewhere count, those that only are awake there do not."""

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from protocol import codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Interrupt, UserInput
from tests.support.live import client
from tests.support.models.scripted_model import Hang, Request, ScriptedModel, Text, stream, text
from tests.unit.server.sessions.nodes.two import two


async def test_a_session_that_works_at_one_server_counts_at_another_for_its_user(tmp_path: Path, database: str) -> None:
    def answer(request: Request) -> object:
        return stream(Text("Once"), Hang()) if request.last_user_text == "tell" else text("Yes.")

    async with (
        ScriptedModel(answer, allow_complaints=True) as model,  # type: ignore[arg-type]
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
