"""Models over a real socket: chosen for a session, kept over a restart, listed with window and price."""

from pathlib import Path

import msgspec

from agent.models.catalog import ModelEntry
from protocol import events as ev
from protocol.submissions import SetModel, UserInput
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client


def offering(data: Path, model: ScriptedModel) -> Settings:
    """A server that offers its own model and a local one, and no other."""
    settings = settings_for(data, model)
    local = ModelEntry(
        name="ollama/qwen3", label="Qwen", api_base=model.api_base, context_limit=32_768, input_usd=0.0, output_usd=0.5
    )
    chosen = msgspec.structs.replace(settings.model, models=["openai/scripted", local], allow_other_models=False)
    return msgspec.structs.replace(settings, model=chosen)


async def say(talker: Client, words: str) -> None:
    await talker.send(UserInput(text=words))
    assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)


async def test_a_session_answers_with_the_model_it_chose_and_the_others_with_theirs(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hi.") for _ in range(4)]) as model:
        settings = offering(tmp_path, model)
        async with listening(settings) as live, client(live) as one, client(live) as other:
            await one.send(SetModel(model="ollama/qwen3", reasoning_effort="high"))
            await one.until_type(ev.ModelChanged)
            await say(one, "hello")
            await say(other, "hello")
            assert one.view.usage.context_limit == 32_768
            await other.send(SetModel(model="ollama/another"))
            assert (await other.refusal()).code == "unknown_model"
        async with listening(settings) as live, client(live, one.ready.session_id) as back:
            await back.synced()
            assert back.view.model == "ollama/qwen3"
            await say(back, "again")
        requested = [(request.body["model"], request.body.get("reasoning_effort")) for request in model.requests]
        assert requested == [("qwen3", "high"), ("scripted", None), ("qwen3", "high")]


async def test_the_offered_models_have_a_context_window_and_a_price(tmp_path: Path) -> None:
    async with ScriptedModel() as model, listening(offering(tmp_path, model)) as live:
        async with http_client(live.http) as http:
            config = (await http.get("/api/config")).json()
    assert [one["model"] for one in config["models"]] == ["openai/scripted", "ollama/qwen3"]
    local = config["models"][1]
    assert (local["label"], local["context_limit"], local["input_usd"], local["output_usd"]) == ("Qwen", 32_768, 0, 0.5)
    assert config["allow_other_models"] is False
