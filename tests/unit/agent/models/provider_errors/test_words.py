"""Provider words: messages, codes, waits and limits in the bodies of errors, also as Python shows them."""

import pytest

from agent.models.provider_errors.words import limit_in, read_words, wait_in

BODIES = [
    (b'{"error": {"message": "no", "type": "a_type", "code": 7}}', "no", ("7", "a_type")),
    ('b\'{"error": {"message": "no"}}\'', "no", ()),
    ('litellm.BadRequestError: GeminiException - b\'{"error": {"message": "no"}}\'', "no", ()),
    ("Error code: 400 - {'detail': 'no'}", "no", ()),
    ('[{"error": {"message": "no", "status": "NOT_FOUND"}}]', "no", ("NOT_FOUND",)),
    ('{"detail": [{"loc": ["body", 0], "msg": "no"}]}', "body.0: no", ()),
    ('{"error": {"message": "outer", "metadata": {"raw": "{\\"error\\": \\"inner\\"}"}}}', "inner", ()),
    ('{"error": "no"}', "no", ()),
    ("litellm.APIError: APIError: OpenAIException - no", "no", ()),
    ("no", "no", ()),
    ("{", "{", ()),
    (b"\xff", "\ufffd", ()),
    ("", "", ()),
]


@pytest.mark.parametrize(("body", "message", "codes"), BODIES)
def test_the_message_and_the_codes_are_found_in_every_form(
    body: str | bytes, message: str, codes: tuple[str, ...]
) -> None:
    words = read_words(body)
    assert (words.message, words.codes) == (message, codes)


WAITS = [
    ("Please retry in 37.1s.", 37.1),
    ("Please try again in 6m2.5s", 362.5),
    ("try again in 20ms", 0.02),
    ("Retry after 30 seconds", 30.0),
    ("Try again in 1h2m", 3720.0),
    ("try again later", None),
    ("try again in a moment", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "seconds"), WAITS)
def test_how_long_to_wait_is_read_from_the_message(text: str, seconds: float | None) -> None:
    assert wait_in(text) == (None if seconds is None else pytest.approx(seconds))


LIMITS = [
    ("This model's maximum context length is 128,000 tokens", 128_000),
    ("Requested tokens (3000) exceed context window of 2048", 2048),
    ("prompt is too long: 210000 tokens > 200000 maximum", 200_000),
    ("exceeds the maximum number of tokens allowed (1048576)", 1_048_576),
    ("the available context size (4096 tokens)", 4096),
    ("maximum context length is 1", None),
    ("the prompt is too long", None),
]


@pytest.mark.parametrize(("text", "tokens"), LIMITS)
def test_the_context_is_read_from_the_refusal(text: str, tokens: int | None) -> None:
    assert limit_in(text) == tokens


def test_a_body_that_is_nested_too_deeply_is_text() -> None:
    assert read_words("[" * 20_000).codes == ()
