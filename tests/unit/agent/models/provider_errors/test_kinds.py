"""Error kinds: overload, rate limit, payment and context are told apart."""

import pytest

from agent.models.provider_errors.kinds import kind_of, refuses_tools, status_of
from agent.models.provider_errors.words import Words

KINDS = [
    (429, Words("You exceeded your current quota", ("insufficient_quota",)), "model_payment"),
    (429, Words("You exceeded your current quota", ("RESOURCE_EXHAUSTED",), 37.0), "model_rate_limited"),
    (429, Words("The engine is currently overloaded"), "model_overloaded"),
    (503, Words("The model is overloaded"), "model_overloaded"),
    (503, Words("restarting"), "model_unavailable"),
    (529, Words("Overloaded"), "model_overloaded"),
    (500, Words("Overloaded", ("overloaded_error",)), "model_overloaded"),
    (403, Words("Your team has used all available credits: add credits"), "model_payment"),
    (403, Words("not for you"), "model_auth"),
    (400, Words("Your credit balance is too low"), "model_payment"),
    (400, Words("input is too long for the context window"), "model_context_exceeded"),
    (400, Words("no", ("context_length_exceeded",)), "model_context_exceeded"),
    (400, Words("no"), "model_bad_request"),
    (504, Words("no"), "model_timeout"),
]


@pytest.mark.parametrize(("status", "words", "code"), KINDS)
def test_the_kind_follows_from_status_codes_and_words(status: int, words: Words, code: str) -> None:
    assert kind_of(status, words) == code


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        (("overloaded_error",), 529),
        (("UNAVAILABLE",), 503),
        (("400", "rate_limit_exceeded"), 429),
        (("what",), 0),
        ((), 0),
    ],
)
def test_the_code_that_says_most_gives_the_status(codes: tuple[str, ...], status: int) -> None:
    assert status_of(codes) == status


def test_only_a_refusal_of_tools_is_one() -> None:
    assert refuses_tools(400, Words("gemma:2b does not support tools"))
    assert not refuses_tools(400, Words("tools[3].function.name is not valid"))
    assert not refuses_tools(429, Words("gemma:2b does not support tools"))
