"""Default model: which model is chosen when none is configured."""

import pytest

from agent.models import choose_model
from agent.models.catalog import DEFAULT_MODELS


def test_a_configured_model_wins_over_credentials() -> None:
    choice = choose_model(" openai/mine ", {"ANTHROPIC_API_KEY": "k"})
    assert (choice.model, choice.demo) == ("openai/mine", False)


@pytest.mark.parametrize(("name", "model"), DEFAULT_MODELS)
def test_credential_selects_its_model(name: str, model: str) -> None:
    choice = choose_model("", {name: "k"})
    assert (choice.model, choice.demo) == (model, False)
    assert name in choice.reason


def test_the_first_credential_in_order_wins() -> None:
    environ = {name: "k" for name, _ in DEFAULT_MODELS}
    assert choose_model("", environ).model == DEFAULT_MODELS[0][1]


def test_an_empty_credential_is_none() -> None:
    choice = choose_model("", {"OPENAI_API_KEY": "  "})
    assert choice.demo
    assert choice.model == "demo"


def test_without_credentials_the_demo_is_chosen_with_a_reason() -> None:
    choice = choose_model("", {})
    assert choice.demo
    for name, _ in DEFAULT_MODELS:
        assert name in choice.reason


def test_configured_demo_is_the_demo() -> None:
    assert choose_model("demo", {"OPENAI_API_KEY": "k"}).demo


def test_the_table_can_be_changed_and_added_to() -> None:
    table = {"OPENAI_API_KEY": "openai/other", "MY_KEY": "hosted_vllm/mine"}
    assert choose_model("", {"OPENAI_API_KEY": "k"}, table).model == "openai/other"
    assert choose_model("", {"MY_KEY": "k"}, table).model == "hosted_vllm/mine"
    assert choose_model("", {"MY_KEY": "k", "HF_TOKEN": "k"}, table).model == "huggingface/openai/gpt-oss-120b"
