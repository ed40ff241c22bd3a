"""Model errors: they name the model, the reason and the remedy, and hold no secrets."""

import pytest

from agent.models.errors import model_error, redact

SECRETS = [
    "sk-proj-abcdefghijklmnop",
    "hf_abcdefghijklmnop",
    "AIzaSyA1234567890abcdef",
    "Bearer eyJhbGciOi.x.y",
    "gsk_abcdefgh12345678",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_text_like_a_key_is_not_repeated(secret: str) -> None:
    text = redact(f"Incorrect key: {secret}, see the docs", ())
    assert secret not in text
    assert "[secret]" in text
    assert text.endswith("see the docs")


def test_a_key_in_an_address_is_not_repeated() -> None:
    assert (
        redact("GET https://x.test/v1?key=abcdef&alt=sse failed", ())
        == "GET https://x.test/v1?key=[secret]&alt=sse failed"
    )


def test_a_known_secret_is_not_repeated_whatever_it_looks_like() -> None:
    assert redact("token was hunter2hunter2.", ["hunter2hunter2", ""]) == "token was [secret]."


def test_ordinary_text_is_not_redacted() -> None:
    text = "The key-value store is not a monkey-wrench; gpt-oss-120b has no such parameter: hf_token."
    assert redact(text, ["", "a"]) == text


def test_a_message_names_the_model_the_fault_and_the_way_out() -> None:
    error = model_error("model_rate_limited", "openai/x", because="HTTP 429", quote="slow\n  down", retry_after=3)
    assert error.message == (
        'The model openai/x is limiting the rate of calls (HTTP 429). It says: "slow down". '
        "Wait a little and try again, or choose another model."
    )
    assert error.retryable
    assert error.retry_after == 3


def test_a_long_quote_is_cut() -> None:
    assert len(model_error("model_unavailable", "m", quote="x" * 10_000).message) < 500
