"""Failing models: a server that gives up soon, a question, and a check that the next turn works."""

from pathlib import Path

import msgspec

from protocol import events as ev
from protocol.submissions import UserInput
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import DONE, Client
from tests.support.models.scripted_model import ScriptedModel

SILENT_S = 0.6
"""After so long a model counts as silent, in tests of a silent model."""


def served(
    data: Path, model: ScriptedModel, provider: str, calls: dict[str, object] | None = None, **groups: object
) -> Settings:
    """Settings for a model of this provider that is tried twice; `calls`: more of ModelSettings."""
    settings = settings_for(data, model, **groups)
    given = {
        "max_retries": 1,
        "backoff_initial_s": 0.0,
        **(calls or {}),
    }
    given = built_in("model.calls", given)
    chosen = msgspec.structs.replace(
        settings.model, model=f"{provider}/scripted", calls=msgspec.structs.replace(settings.model.calls, **given)
    )
    return msgspec.structs.replace(settings, model=chosen)


SOON_SILENT: dict[str, object] = {"first_token_timeout_s": SILENT_S, "stall_timeout_s": SILENT_S}
"""Settings of calls to a model that is soon called silent."""


async def ask(talker: Client, words: str) -> ev.Event:
    """Say it, and wait for the end of the turn."""
    await talker.send(UserInput(text=words))
    ended: ev.Event = await talker.until_type(*DONE)
    return ended


async def answers_again(talker: Client) -> None:
    """The next turn works."""
    ended = await ask(talker, "and now?")
    assert isinstance(ended, ev.TurnComplete), ended
    assert ended.final_response == "Still here."
    assert talker.view.state == "idle"
