"""Names: tests of `agent.models.names`: which names of models may be used."""

import pytest

from agent.models import providers
from agent.models.litellm_provider import lite
from agent.models.names import NAME_CHARS_MAX, refuse_name, refuse_unguarded

ADDRESSES = (
    "openai/http://127.0.0.1:9/x",
    "openai/https:/example.com/x",
    "huggingface/http://127.0.0.1:9/x",
    "huggingface/https://example.com",
    "openai//example.com/x",
    "openai/127.0.0.1",
    "openai/127.0.0.1:8080/v1",
    "openai/::1",
    "openai/localhost",
    "openai/localhost:8080",
    "openai/a.localhost/x",
    "openai/metadata.google.internal",
    "openai/example.com/v1",
    "openai/example.com:8080",
    "openai/user@example.com",
    "openai/../x",
    "openai/x/./y",
    "openai/x/",
    "bedrock/arn:aws:bedrock:example.com:1:inference-profile/x",
    "bedrock/arn:aws:bedrock:example.com/x",
    "ollama/hf.co.example.com/x",
    "openai/hf.co/x",
)


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_name_that_holds_an_address_is_refused(name: str) -> None:
    assert "address" in (refuse_name(name) or "")


@pytest.mark.parametrize(
    "name", ["openai/x?y", "openai/x#y", "openai/a b", "openai/%2e", "openai/[::1]", "openai/x\\y", "ä/b", ""]
)
def test_a_name_with_other_characters_is_refused(name: str) -> None:
    assert "letters" in (refuse_name(name) or "")


def test_a_long_name_is_refused() -> None:
    assert refuse_name("openai/" + "x" * NAME_CHARS_MAX) is not None


@pytest.mark.parametrize(
    "name", ["nobody/x", "/x", "oobabooga/x", "github_copilot/gpt-4", "holdfast-demo/demo", "custom/x"]
)
def test_a_provider_that_is_unknown_or_refused_is_named_in_the_answer(name: str) -> None:
    assert f"`{name.partition('/')[0]}`" in (refuse_name(name) or "")


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "gpt-5.6",
        "anthropic/claude-sonnet-5",
        "huggingface/openai/gpt-oss-120b",
        "openrouter/openai/gpt-oss-120b:free",
        "vertex_ai/claude-3-5-sonnet@20240620",
        "cloudflare/@cf/meta/llama-2-7b-chat-int8",
        "bedrock/us.anthropic.claude-sonnet-4-v1:0",
        "bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-v1:0",
        "ollama/qwen2.5:7b",
        "ollama/hf.co/someone/model-GGUF:Q4_K_M",
        "vllm/meta-llama/Llama-3.1-8B",
        "lm_studio/someone/model.gguf",
        "hosted_vllm/qwen",
        "llamacpp/any",
    ],
)
def test_names_as_providers_give_them_may_be_used(name: str) -> None:
    assert refuse_name(name) is None


@pytest.mark.parametrize("provider", providers.PREPARES)
def test_a_provider_with_requests_past_the_check_of_addresses_is_called_only_if_the_operator_named_it(
    provider: str,
) -> None:
    name = f"{provider}/x"
    if provider == "ollama":  # called as a local server
        assert refuse_unguarded(name, provider, ()) is None
        return
    assert f"`{provider}`" in (refuse_unguarded(name, provider, ["openai/x", f"{provider}2/x"]) or "")
    assert refuse_unguarded(name, provider, [f"{provider}/another"]) is None


def test_a_model_without_a_provider_in_its_name_may_be_named_by_the_operator() -> None:
    assert refuse_unguarded("gemini-x", "vertex_ai", []) is not None
    assert refuse_unguarded("gemini-x", "vertex_ai", ["gemini-x"]) is None


def test_every_chat_model_in_the_librarys_table_of_a_provider_that_is_called_may_be_used() -> None:
    names = [
        name
        for name, row in lite.model_cost.items()
        if "*" not in name
        and row.get("mode") == "chat"
        and providers.provider_calls(name.partition("/")[0]).calls != "refused"
    ]
    assert len(names) > 1_000
    assert {name: refuse_name(name) for name in names if refuse_name(name)} == {}
