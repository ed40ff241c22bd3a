"""Factory: tests of `server.sessions.factory`: which models the rules of a session refuse, and which make titles."""

from typing import Literal

import pytest

from agent.models import Catalog, ModelEntry, Models, ModelSettings
from agent.session.session import Rules
from agent.session.settings import TurnSettings
from agent.tools import ToolRouter
from server.config.auth import AuthSettings
from server.config.model import ModelChoice
from server.config.settings import Settings
from server.sessions.factory import RulesFactory
from server.telemetry.secrets import KnownSecrets

Mode = Literal["local", "tokens"]


def titles(title_by_model: bool | None, name: str, **settings: str) -> bool:
    """Whether the model of this name is called for titles. `settings`: of `model.calls`, for the model itself."""
    entries = [ModelEntry(name="openai/far", api_base="https://llm.example.org/v1")]
    chosen = Settings(turn=TurnSettings(title_by_model=title_by_model))
    models = Models(ModelSettings(**settings), Catalog(entries), configured=name)  # type: ignore[arg-type]  # texts
    made = RulesFactory(chosen, models, KnownSecrets(chosen, {}), [name]).make(ToolRouter([]), lambda: None)
    return made.makes_titles(name)


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000/v1", "http://192.168.1.7:1234/v1", "http://localhost:8080"])
def test_models_at_an_address_of_this_machine_or_network_make_no_titles_unless_the_setting_says_so(base: str) -> None:
    assert not titles(None, "hosted_vllm/m", api_base=base)
    assert titles(True, "hosted_vllm/m", api_base=base)


def test_models_prefixed_as_local_servers_make_no_titles_either_and_others_do() -> None:
    assert not any(titles(None, f"{prefix}/m") for prefix in ("ollama", "vllm", "lm_studio", "llamacpp"))
    assert titles(None, "openai/gpt-5.6") and titles(None, "anthropic/claude-sonnet-5") and titles(None, "openai/far")
    assert not titles(False, "openai/gpt-5.6")
    assert not titles(True, "demo")


def rules(mode: Mode, allow: bool | None) -> Rules:
    settings = Settings(auth=AuthSettings(mode=mode), model=ModelChoice(allow_other_models=allow))
    models = Models(ModelSettings(), Catalog([]))
    factory = RulesFactory(settings, models, KnownSecrets(settings, {}), ["openai/offered"])
    return factory.make(ToolRouter([]), lambda: None)


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
