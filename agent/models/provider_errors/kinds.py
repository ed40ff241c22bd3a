"""Error kinds: of which kind a provider's error is, by its HTTP status, its codes and its words. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from agent.models.errors import ModelErrorCode
from agent.models.provider_errors.words import Words

_BY_STATUS: Final[dict[int, ModelErrorCode]] = {
    401: "model_auth",
    402: "model_payment",
    403: "model_auth",
    408: "model_timeout",
    409: "model_unavailable",
    413: "model_context_exceeded",
    425: "model_unavailable",
    429: "model_rate_limited",
    503: "model_unavailable",
    504: "model_timeout",
    529: "model_overloaded",
}
_BY_NAME: Final[dict[str, int]] = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "unauthenticated": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "insufficient_quota": 402,
    "insufficient_balance": 402,
    "insufficient_credits": 402,
    "billing_error": 402,
    "billing_not_active": 402,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limited": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "model_context_window_exceeded": 413,
    "request_too_large": 413,
    "overloaded": 529,
    "overloaded_error": 529,
    "server_overloaded": 529,
    "engine_overloaded": 529,
    "engine_overloaded_error": 529,
    "unavailable": 503,
    "service_unavailable": 503,
    "deadline_exceeded": 504,
    "timeout_error": 504,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "invalid_argument": 400,
    "invalid_request_error": 400,
    "failed_precondition": 400,
}
"""HTTP statuses of the codes that providers give: OpenAI, Anthropic, Google (google.rpc.Code), DeepSeek, llama.cpp."""

_TOO_LONG: Final = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|input|prompt)|(?:prompt|input) is too long"
    r"|too many (?:input )?tokens|reduce the length of|exceeds the maximum number of (?:input )?tokens"
    r"|(?:input|prompt) tokens? (?:count )?.{0,40}exceed",
    re.IGNORECASE,
)
_OVERLOADED: Final = re.compile(
    r"\boverloaded\b|at (?:full )?capacity|high demand|no (?:available )?capacity", re.IGNORECASE
)
_UNPAID: Final = re.compile(
    r"insufficient[ _](?:quota|credits?|balance|funds)|credit balance|exceeded your current quota"
    r"|add (?:more )?(?:credits|funds)|payment required|billing (?:hard )?limit",
    re.IGNORECASE,
)
_UNPAID_CODES: Final = frozenset(
    {"insufficient_quota", "insufficient_balance", "insufficient_credits", "billing_error"}
)
_NO_TOOLS: Final = re.compile(
    r"enable-auto-tool-choice|does not support (?:tools|tool|function)|tool-call-parser|do(?:es)? not support tool"
    r"|tool(?:s| use| calling| calls?)? (?:is|are) not supported|no endpoints found that support tool"
    r"|`?tools`? (?:is|are) not supported|function calling is not (?:enabled|supported)|unsupported parameter.{0,5}tools"
    r"|tools? (?:param(?:eter)? )?(?:requires?|needs?) --jinja",
    re.IGNORECASE,
)


_NO_NULLS: Final = re.compile(
    r"none is not an allowed value|valid string|validation errors?|(?:must|should) be (?:a |of type )?string|expected (?:a )?string"
    r"|(?:not|cannot) be null|null (?:is|was) not|content.{0,40}(?:null|none)\b",
    re.IGNORECASE | re.DOTALL,
)


def status_of(codes: Iterable[str]) -> int:
    """The HTTP status that the provider's codes mean; 0 if none of them is known."""
    found = 0
    for code in codes:
        status = int(code) if code.isdecimal() and len(code) == 3 else _BY_NAME.get(code.lower(), 0)
        if not 400 <= status <= 599:
            continue
        if status not in (400, 500):  # a code that says more than "bad request" is the better one
            return status
        found = found or status
    return found


def kind_of(status: int, words: Words) -> ModelErrorCode:
    """The code of an error with this HTTP status (0: none was sent) and these words."""
    text, codes = words.message, frozenset(code.lower() for code in words.codes)
    code = _BY_STATUS.get(status, "model_unavailable" if status >= 500 else "model_bad_request")
    if code in ("model_rate_limited", "model_bad_request", "model_auth") and _is_unpaid(text, codes, words):
        return "model_payment"
    if code == "model_bad_request" and (_TOO_LONG.search(text) or codes & {"context_length_exceeded"}):
        return "model_context_exceeded"
    if code == "model_rate_limited" and _OVERLOADED.search(text):
        return "model_overloaded"
    if status >= 500 and code != "model_timeout" and (_OVERLOADED.search(text) or status_of(words.codes) == 529):
        return "model_overloaded"
    return code


def refuses_tools(status: int, words: Words) -> bool:
    """Whether a request was refused because it had tools."""
    return status in (400, 404, 422, 501, 500) and _NO_TOOLS.search(words.message) is not None


def refuses_nulls(status: int, words: Words) -> bool:
    """Whether a request may have been refused because a message had no text. Those who validate say so in many ways."""
    return status in (400, 422, 500) and _NO_NULLS.search(words.message) is not None


def is_too_long(text: str) -> bool:
    """Whether a provider says that the conversation is too long."""
    return _TOO_LONG.search(text) is not None


def is_overloaded(text: str) -> bool:
    """Whether a provider says that it has too much to do."""
    return _OVERLOADED.search(text) is not None


def _is_unpaid(text: str, codes: frozenset[str], words: Words) -> bool:
    """Google's ordinary rate limit has the words of OpenAI's missing payment, but it says when to try again."""
    if codes & _UNPAID_CODES:
        return True
    return words.retry_after is None and _UNPAID.search(text) is not None
