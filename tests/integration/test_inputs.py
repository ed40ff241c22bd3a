"""Odd inputs: blank, very long, or with characters that formats use: the model, the view and a replay have them as they were sent."""

from pathlib import Path

import msgspec
import pytest

from agent.models.catalog import ModelEntry
from protocol.content import UserMessage
from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, client, listening, same_view
from tests.support.models.scripted_model import ScriptedModel, text

ODD = {
    "blank": " \n\t ",
    "nul": "a\0b",
    "line-separator": "a\u2028b\u2029c\u0085d",
    "byte-order-mark": "\ufeffa",
    "long": "word " * 180_000,
    "tags": "</think> <|im_end|> data: [DONE]\n\ndata: {}",
}


@pytest.mark.parametrize("said", [pytest.param(said, id=name) for name, said in ODD.items()])
async def test_an_odd_input_arrives_as_it_was_sent(tmp_path: Path, said: str) -> None:
    async with ScriptedModel([text("Yes.")]) as model:
        settings = settings_for(tmp_path, model)
        roomy = ModelEntry(name="openai/scripted", context_limit=1_000_000)
        choice = msgspec.structs.replace(settings.model, models=[roomy])
        async with listening(msgspec.structs.replace(settings, model=choice)) as live, client(live) as talker:
            await talker.send(UserInput(text=said))
            await talker.until_type(*DONE)
            assert (await model.request(0)).last_user_text == said
            assert [message.text for message in talker.view.messages if isinstance(message, UserMessage)] == [said]
            async with client(live, talker.ready.session_id) as later:
                await later.synced()
                assert same_view(later.view, talker.view)
