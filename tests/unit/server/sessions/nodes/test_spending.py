"""Spending at several servers: a budget holds over all of them together."""

from pathlib import Path

import pytest

from protocol import events as ev
from protocol.submissions import UserInput
from server.sessions.nodes import spending
from tests.support.live import client
from tests.support.models.scripted_model import Finish, ScriptedModel, Text, Usage, stream
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two


async def test_what_a_user_spends_at_one_server_counts_at_another(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "LOOK_S", 0.02)
    answers = [stream(Text("Here."), Finish(), Usage(10, 1)), stream(Text("There."), Finish(), Usage(60, 50))]
    async with ScriptedModel(answers) as model:
        async with two(tmp_path, database, model, users={"tokens_per_day": 100}) as (a, b):
            async with client(b) as here, client(a) as there:
                for one in (here, there):
                    await one.synced()
                    await one.send(UserInput(text="where?"))
                    await one.until_type(ev.TurnComplete)
                quotas = b.manager.registry.services.quotas

                async def known() -> bool:
                    return quotas.refuse("local") is not None

                await eventually(known)
                assert quotas._usage["local"].spent.tokens == 121, "its own are counted once"
                await here.send(UserInput(text="and now?"))
                assert (await here.refusal()).code == "budget_exhausted"
        assert len(model.requests) == 2
