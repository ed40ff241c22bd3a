"""Model errors: the message says which model failed, why, and what to do."""

import re
from collections.abc import Iterable
from typing import Literal

ModelErrorCode = Literal[
    "model_auth",
    "model_payment",
    "model_rate_limited",
    "model_unavailable",
    "model_timeout",
    "model_stream_cut",
    "model_bad_response",
    "model_context_exceeded",
    "model_bad_request",
    "model_output_too_large",
    "model_overloaded",
    "model_no_answer",
]

_QUOTE_CHARS = 300
_MIN_SECRET_CHARS = 6
_LOOKS_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|key|AIza|r8|nvapi|pplx|csk|tgp)[-_][A-Za-z0-9_\-*.]{8,}|\bAIza[\w\-]{10,}"
    r"|\bBearer\s+[^\s\"',;]{6,}|([?&](?:api_?)?key=)[^\s&\"']+",
    re.IGNORECASE,
)

_WHAT: dict[ModelErrorCode, tuple[str, str]] = {
    "model_auth": ("refused the credentials", "Check the API key of this provider and what it may use."),
    "model_payment": ("is not paid for", "Check the balance or plan of the account with this provider."),
    "model_rate_limited": ("is limiting the rate of calls", "Wait a little and try again, or choose another model."),
    "model_unavailable": ("can't be reached", "Try again, or choose another model."),
    "model_timeout": ("gave no answer in time", "Try again, or choose another model."),
    "model_stream_cut": ("stopped in the middle of its answer", "The text so far is kept. Try again."),
    "model_bad_response": ("sent something that can't be understood", "Try again, or choose another model."),
    "model_context_exceeded": (
        "can't take a conversation this long",
        "Compact the conversation, or choose a model with a larger context.",
    ),
    "model_bad_request": ("refused the request", "Check the model's name and its settings."),
    "model_output_too_large": ("wrote more than one message may hold", "Ask for a shorter answer."),
    "model_overloaded": ("has too much to do", "Try again in a moment, or choose another model."),
    "model_no_answer": ("gave no answer", "Try again, or choose another model."),
}

_RETRYABLE: frozenset[ModelErrorCode] = frozenset(
    {
        "model_rate_limited",
        "model_unavailable",
        "model_timeout",
        "model_stream_cut",
        "model_bad_response",
        "model_overloaded",
        "model_no_answer",
    }
)


class ModelError(Exception):
    """A model call failed. `retryable`: the same call may succeed later; `retry_after`: seconds, if the provider sent any.

    `refuses_tools`: it was refused because it had tools; `refuses_nulls`: because a message had no text. `context_limit`: tokens that the model takes, as the refusal says.
    """

    refuses_tools: bool = False
    refuses_nulls: bool = False
    context_limit: int | None = None

    def __init__(
        self, code: ModelErrorCode, message: str, *, retryable: bool | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code: ModelErrorCode = code
        self.message = message
        self.retryable = code in _RETRYABLE if retryable is None else retryable
        self.retry_after = retry_after


def model_error(
    code: ModelErrorCode,
    model: str,
    *,
    because: str = "",
    quote: str = "",
    advice: str = "",
    what: str = "",
    retryable: bool | None = None,
    retry_after: float | None = None,
) -> ModelError:
    """Make a ModelError with its message.

    `because`: a short clause ("HTTP 429", "silent for 60 s"). `quote`: the provider's own message, already redacted.
    `advice`: what to do, and `what`: what the model did, if they are not the usual ones for this code.
    """
    usual_what, usual_advice = _WHAT[code]
    message = f"The model {model} {what or usual_what}{f' ({because})' if because else ''}."
    line = " ".join(quote.split())
    if line:
        cut = line if len(line) <= _QUOTE_CHARS else line[: _QUOTE_CHARS - 1] + "…"
        message += f' It says: "{cut}"{"" if cut[-1] in ".!?…" else "."}'
    return ModelError(code, f"{message} {advice or usual_advice}", retryable=retryable, retry_after=retry_after)


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with these secrets, and whatever looks like an API key, replaced by `[secret]`."""
    for secret in secrets:
        if len(secret) >= _MIN_SECRET_CHARS:
            text = text.replace(secret, "[secret]")
    return _LOOKS_SECRET.sub(lambda match: f"{match[1] or ''}[secret]", text)
