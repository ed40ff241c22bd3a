"""Owner's Hugging Face token: used where the session wakes before its owner comes."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect

from agent.models.bases import base_of
from agent.models.guarded_transport import GUARD
from protocol import events as ev
from protocol.submissions import Approval, ExecApproval, UserInput
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.hub.standin_hub import StandinHub, standin_hub
from tests.support.live import Client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text

ADA = "hf_" + "a" * 34
HEADERS = {"Authorization": f"Bearer {ADA}"}


@pytest.fixture
async def hub() -> AsyncIterator[StandinHub]:
    async with standin_hub() as stand_in:
        stand_in.users = {ADA: "ada"}
        yield stand_in


def by_bearer(data: Path, hub: StandinHub, model: ScriptedModel) -> Settings:
    """Owners come with their token in a header alone; their models are served by the Hub's router."""
    auth = {"mode": "bearer", "bearer": {"endpoint": hub.url, "timeout_s": 5.0}}
    settings = settings_for(data, model, auth=auth)
    calls = msgspec.structs.replace(settings.model.calls, api_base="", api_key="")
    choice = msgspec.structs.replace(settings.model, model="huggingface/org/name", calls=calls)
    return msgspec.structs.replace(settings, model=choice)


async def test_a_session_gets_its_owners_token_when_the_owner_connects(
    tmp_path: Path, hub: StandinHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [calls(Call("write", {"path": "a", "content": "1"})), text("Done.")]
    async with ScriptedModel(script) as model:
        router = base_of(model.api_base)
        assert router is not None
        GUARD.allow(frozenset({router}))  # as a public address is
        monkeypatch.setenv("HF_API_BASE", f"{model.api_base}/chat/completions")
        settings = by_bearer(tmp_path, hub, model)
        async with listening(settings) as live, connect(live.ws, additional_headers=HEADERS) as socket:
            owner = await Client(socket).synced()
            await owner.send(UserInput(text="go"))
            request = await owner.until_type(ev.ApprovalRequired)
            session_id = owner.ready.session_id
        async with listening(settings) as live:
            async with live.manager.registry.activated(session_id):
                pass  # woken to be recovered, or by somebody who came by a link
            async with connect(f"{live.ws}/{session_id}", additional_headers=HEADERS) as socket:
                owner = await Client(socket).synced()
                approval = Approval(tool_call_id=request.tools[0].tool_call_id, approved=True)
                await owner.send(ExecApproval(approvals=[approval]))
                await owner.until_type(ev.TurnComplete)
        assert [request.headers["authorization"] for request in model.requests] == [f"Bearer {ADA}"] * 2
