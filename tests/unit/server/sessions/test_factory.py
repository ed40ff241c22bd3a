"""Factory: tests of `server.sessions.factory`: which models the rules of a session refuse."""

from typing import Literal

import pytest

from agent.models import Catalog, Models, ModelSettings
from agent.session.session import Rules
from agent.tools import ToolRouter
from server.config.auth import AuthSettings
from server.config.model import ModelChoice
from server.config.settings import Settings
from server.sessions.factory import make_rules
from server.telemetry.secrets import KnownSecrets

Mode = Literal["local", "tokens"]


def rules(mode: Mode, allow: bool | None) -> Rules:
    settings = Settings(auth=AuthSettings(mode=mode), model=ModelChoice(allow_other_models=allow))
    models = Models(ModelSettings(), Catalog([]))
    return make_rules(settings, models, KnownSecrets(settings, {}), ToolRouter([]), lambda: None, ["openai/offered"])


@pytest.mark.parametrize("allow", [None, True, False])
@pytest.mark.parametrize("mode", ["local", "tokens"])
@pytest.mark.parametrize("name", ["oobabooga/http://127.0.0.1:9/x", "openai/127.0.0.1", "oobabooga/x", "nobody/x"])
def test_addresses_and_unknown_providers_are_refused_whatever_the_setting(
    mode: Mode, allow: bool | None, name: str
) -> None:
    assert rules(mode, allow).refuse_model(name) is not None


@pytest.mark.parametrize(
    ("mode", "allow", "allowed"),
    [("local", None, True), ("tokens", None, False), ("local", False, False), ("tokens", True, True)],
)
def test_other_models_are_for_the_local_user_unless_the_operator_says(
    mode: Mode, allow: bool | None, allowed: bool
) -> None:
    refuse = rules(mode, allow).refuse_model
    assert (refuse("openai/another") is None) is allowed
    assert refuse("openai/offered") is None


@pytest.mark.parametrize("allow", [None, True, False])
@pytest.mark.parametrize("mode", ["local", "tokens"])
def test_a_provider_with_requests_past_the_check_of_addresses_is_never_chosen_by_a_client(
    mode: Mode, allow: bool | None
) -> None:
    refuse = rules(mode, allow).refuse_model
    assert refuse("bedrock/x") is not None and refuse("vertex_ai/x") is not None


def test_a_name_with_an_address_in_the_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="address"):
        ModelChoice(model="huggingface/http://127.0.0.1:9")
    with pytest.raises(ValueError, match="address"):
        ModelChoice(models=["openai/http://127.0.0.1:9"])
