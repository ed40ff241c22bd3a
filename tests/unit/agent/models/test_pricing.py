"""Pricing: limits and prices from LiteLLM's table; no price where it is not certain."""

import pytest

from agent.models.pricing import context_limit, cost_usd, entry, max_output_tokens
from agent.models.types import TokenCounts

TABLE: dict[str, dict[str, object]] = {
    "gpt-9": {
        "litellm_provider": "openai",
        "max_input_tokens": 400_000,
        "max_output_tokens": 64_000,
        "input_cost_per_token": 2e-6,
        "cache_read_input_token_cost": 2e-7,
        "output_cost_per_token": 8e-6,
        "input_cost_per_token_above_200k_tokens": 4e-6,
        "output_cost_per_token_above_200k_tokens": 16e-6,
    },
    "claude-9": {
        "litellm_provider": "anthropic",
        "max_tokens": 8_000,
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 1e-6,
        "cache_creation_input_token_cost": 2e-6,
    },
    "gemini/gemini-9": {"litellm_provider": "gemini", "max_input_tokens": 1_000_000},
}


def test_a_model_is_found_with_and_without_its_provider() -> None:
    assert entry(TABLE, "openai/gpt-9") is TABLE["gpt-9"]
    assert entry(TABLE, "gpt-9") is TABLE["gpt-9"]
    assert entry(TABLE, "openrouter/openai/gpt-9") is TABLE["gpt-9"]
    assert entry(TABLE, "gemini/gemini-9") is TABLE["gemini/gemini-9"]
    assert entry(TABLE, "openai/unheard-of") is None


def test_known_limits() -> None:
    assert context_limit(TABLE, "openai/gpt-9") == 400_000
    assert context_limit(TABLE, "anthropic/claude-9") == 8_000
    assert context_limit(TABLE, "openai/unheard-of") is None
    assert max_output_tokens(TABLE, "openai/gpt-9") == 64_000
    assert max_output_tokens(TABLE, "anthropic/claude-9") is None


def test_cached_and_written_tokens_have_their_own_price() -> None:
    assert cost_usd(TABLE, "openai/gpt-9", TokenCounts(1000, 100, cache_read=600)) == pytest.approx(
        400 * 2e-6 + 600 * 2e-7 + 100 * 8e-6
    )
    assert cost_usd(TABLE, "anthropic/claude-9", TokenCounts(1000, 0, cache_write=500)) == pytest.approx(
        500 * 1e-6 + 500 * 2e-6
    )


def test_a_long_context_has_its_own_price() -> None:
    assert cost_usd(TABLE, "gpt-9", TokenCounts(300_000, 10)) == pytest.approx(300_000 * 4e-6 + 10 * 16e-6)


@pytest.mark.parametrize("model", ["hosted_vllm/gpt-9", "openrouter/openai/gpt-9", "gemini/gemini-9", "nobody/x"])
def test_no_price_is_made_up(model: str) -> None:
    assert cost_usd(TABLE, model, TokenCounts(10, 10)) is None
