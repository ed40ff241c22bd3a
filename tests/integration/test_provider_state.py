"""Provider state over whole conversations: each provider gets its own back as it came, and nobody else gets it.

Each server is strict: it refuses a request as its documents say. What passes through compaction, undo, and a restart of the
server is one conversation, so that each provider's server is started once.
"""

import json
import logging
from pathlib import Path

import msgspec
import pytest

from agent.models import ModelSettings
from agent.models.catalog import ModelEntry
from protocol import codec
from protocol import events as ev
from protocol.submissions import Compact, Undo, UserInput
from server.config.model import ModelChoice
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.live import DONE, Address, Client, client, listening
from tests.support.models.strict_provider import StrictProvider
from tests.support.models.strict_providers import (
    PROVIDERS,
    DeepSeek,
    Gemini,
    InterleavedAnthropic,
    Ollama,
    OpenRouter,
    Responses,
)
from tests.support.models.strict_server import StrictServer
from tests.support.network.http_client import http_client

OTHER = "hosted_vllm/other"


def calling(data: Path, server: StrictServer, *, direct: bool) -> Settings:
    """A server with the provider's model, and another model at the same address."""
    provider = server.provider
    entry = ModelEntry(name=provider.model, reasoning_effort=provider.effort)  # type: ignore[arg-type]  # an effort
    calls = ModelSettings(max_retries=0, api_base=server.base, api_key="key", direct_streams=direct)
    model = ModelChoice(model=provider.model, models=[entry, OTHER], calls=calls)
    return msgspec.structs.replace(settings_for(data, turn={"keep_fraction": 0.0001}), model=model)


async def say(one: Client, words: str) -> None:
    await one.send(UserInput(text=words))
    end = await one.until_type(*DONE)
    assert isinstance(end, ev.TurnComplete), end


async def shown(live: Address, session_id: str) -> str:
    """All that a client can ask for of the session: its events, its export, its snapshot."""
    async with http_client(live.http) as http:
        paths = (f"/api/sessions/{session_id}{path}" for path in ("", "/events?after=0&limit=1000", "/export"))
        answers = [await http.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    async with client(live, session_id) as snapshot, client(live, session_id, after=0) as replay:
        await snapshot.synced()
        await replay.synced()
        frames = [codec.encode(frame).decode() for frame in [*snapshot.frames, *replay.frames]]
    return "\n".join([*(answer.text for answer in answers), *frames])


WRAPPED = (DeepSeek, Ollama, OpenRouter, Gemini, Responses, InterleavedAnthropic)
"""Not those of which LiteLLM's wrapper does not tell what they call the reasoning, or where it stood between calls."""


@pytest.mark.parametrize(
    ("kind", "direct"),
    [*((kind, True) for kind in PROVIDERS), *((kind, False) for kind in WRAPPED)],
    ids=[*(kind.__name__ for kind in PROVIDERS), *(f"{kind.__name__}, wrapped" for kind in WRAPPED)],
)
async def test_a_provider_gets_its_state_back_in_every_later_call(
    kind: type[StrictProvider], direct: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "holdfast")
    async with StrictServer(kind()) as server:
        provider = server.provider
        settings = calling(tmp_path, server, direct=direct)
        async with listening(settings) as live, client(live) as one:
            await say(one, "calls=1,2,1")
            await say(one, "calls=1")
            await one.send(Undo())
            await one.until_type(ev.UndoComplete)
            await say(one, "calls=2")
            await one.send(Compact())
            await one.until_type(ev.Compacted)
            await say(one, "calls=1")
            session_id = one.ready.session_id
            received = "\n".join(codec.encode(frame).decode() for frame in one.frames)
        async with listening(settings) as live, client(live, session_id) as back:
            await say(back, "calls=1,1")
            received += await shown(live, session_id)
        assert provider.refusals == []
        sent = json.dumps(provider.requests[-1])
        assert "SEALED-" in sent or "Thought " in sent
        assert "SEALED-" not in received
        assert "SEALED-" not in caplog.text
