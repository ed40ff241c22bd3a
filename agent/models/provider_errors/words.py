"""Provider words: the provider's own message in an error's body, its codes, how long to wait, how much context there is. Pure."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_READ_CHARS: Final = 16_384
"""How much of an error is read: providers' errors are shorter, and a page of HTML holds no message."""
_DEPTH: Final = 6
_MESSAGE_KEYS: Final = ("message", "detail", "error_description", "msg", "status_msg", "errors", "reason", "title")
_CODE_KEYS: Final = ("code", "type", "status", "status_code", "error_code", "object")
_BYTES: Final = re.compile(r"""b(['"])(.*)\1""", re.DOTALL)
_PREFIX: Final = re.compile(
    r"^(?:(?:litellm\.)?[A-Za-z_]+(?:-\w+)?(?:Error|Exception|Timeout)(?::| -)\s+|Error code: \d+ - )"
)
_WRAPPED_END: Final = re.compile(r"\bOriginal exception:|\nTraceback \(")
_WAIT: Final = re.compile(
    r"(?:try(?:ing)? again|retry|wait)(?: (?:in|after|for))? ?"
    r"(?:(?P<h>\d+) ?h(?:ours?)?,? ?)?(?:(?P<m>\d+) ?m(?:in(?:utes?)?)?(?!s),? ?)?"
    r"(?:(?P<s>\d+(?:\.\d+)?) ?(?P<unit>ms|milliseconds?|s(?:ec(?:onds?)?)?))?(?![a-z0-9])",
    re.IGNORECASE,
)
_LIMITS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) (\d[\d,]*)",
        r"context (?:window|length|size) (?:of|is|limit(?: of| is)?:?) ?\(?(\d[\d,]*)",
        r"context (?:window|length|size) \(?(\d[\d,]*) tokens",
        r"tokens > (\d[\d,]*) maximum",
        r"maximum number of tokens allowed \(?(\d[\d,]*)",
        r"maximum (?:prompt|input) (?:length|size) (?:is|of) (\d[\d,]*)",
        r"(?:max_model_len|max_seq_len|n_ctx)\W{1,3}(\d[\d,]*)",
        r"(?:limit|maximum) of (\d[\d,]*) (?:input |prompt )?tokens",
    )
)
_CONTEXT_MIN, _CONTEXT_MAX = 64, 100_000_000


class Words(msgspec.Struct, frozen=True):
    """What a provider said. `message`: in its words, or empty. `codes`: its codes as text, numbers among them.

    `retry_after`: seconds; `context_limit`: tokens; None where the body does not say.
    """

    message: str = ""
    codes: tuple[str, ...] = ()
    retry_after: float | None = None
    context_limit: int | None = None


def read_words(text: str | bytes) -> Words:
    """Read a body, or the text of an exception that holds one. Never raises."""
    plain = _decoded(text)[:_READ_CHARS]
    body = _object_in(plain)
    if body is None:
        message = strip_prefixes(plain)
        return Words(message, (), wait_in(message), limit_in(message))
    message = _message(body, 0)
    codes = tuple(dict.fromkeys(_codes(body, 0)))
    wait = _retry_delay(body, 0)
    return Words(
        message or strip_prefixes(plain),
        codes,
        wait_in(message) if wait is None else wait,
        _limit_field(body) or limit_in(message),
    )


def strip_prefixes(text: str) -> str:
    """The text without the names of exceptions that LiteLLM and the SDKs put before it."""
    text = _WRAPPED_END.split(text, maxsplit=1)[0]
    while match := _PREFIX.match(text):
        text = text[match.end() :]
    return text.strip()


def wait_in(text: str) -> float | None:
    """Seconds that a message asks to wait, such as "retry in 37.1s" or "try again in 6m0s"."""
    for match in _WAIT.finditer(text):
        hours, minutes, seconds = match["h"], match["m"], match["s"]
        if hours or minutes or seconds:
            small = float(seconds or 0) / (1000 if (match["unit"] or "").lower().startswith("m") else 1)
            return int(hours or 0) * 3600 + int(minutes or 0) * 60 + small
    return None


def limit_in(text: str) -> int | None:
    """Tokens of context that a refusal names."""
    for pattern in _LIMITS:
        match = pattern.search(text)
        if match is not None and (limit := _plausible(int(match[1].replace(",", "")))) is not None:
            return limit
    return None


def _plausible(limit: object) -> int | None:
    is_number = isinstance(limit, int) and not isinstance(limit, bool)
    return limit if is_number and _CONTEXT_MIN <= limit <= _CONTEXT_MAX else None  # type: ignore[operator,return-value]


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return text


def _object_in(text: str) -> Any:
    """The JSON object or list in the text, also as Python shows one; None if there is none."""
    shown = _BYTES.search(text)
    if shown is not None:
        literal = _literal(shown[0])
        text = literal.decode("utf-8", "replace") if isinstance(literal, bytes) else text
    begins = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    if begins < 0:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, begins)[0]
    except (ValueError, RecursionError):
        literal = _literal(text[begins : text.rfind("}") + 1])
    return literal if isinstance(literal, (dict, list)) else None


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _message(body: Any, depth: int) -> str:
    """The innermost message: of `error`, of what a router says that a provider said, or of the first entries of a list."""
    if isinstance(body, str):
        return body.strip()
    if depth > _DEPTH:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (_entry(one, depth) for one in body[:3])))
    if not isinstance(body, dict):
        return ""
    metadata = body.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    inner = _message(_parsed(raw), depth + 1) if raw else ""
    if inner:
        return inner
    for key in ("error", "base_resp", *_MESSAGE_KEYS):
        found = _message(_parsed(body.get(key)), depth + 1)
        if found:
            return found
    return ""


def _parsed(value: Any) -> Any:
    """The value; a text that is itself a JSON object is read."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _entry(one: Any, depth: int) -> str:
    """An entry of a list of errors; with the place of the field, as FastAPI gives it."""
    message = _message(one, depth + 1)
    place = one.get("loc") if isinstance(one, dict) else None
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    return f"{where}: {message}" if where and message else message


def _codes(body: Any, depth: int) -> Iterator[str]:
    if isinstance(body, list):
        for one in body[:3]:
            yield from _codes(one, depth + 1)
    elif isinstance(body, dict) and depth <= _DEPTH:
        for key in ("error", "base_resp", "message"):
            yield from _codes(body.get(key), depth + 1)
        for key in _CODE_KEYS:
            value = body.get(key)
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value not in ("", "error"):
                yield str(value)[:64]


def _retry_delay(body: Any, depth: int) -> float | None:
    """Seconds of Google's RetryInfo (google.rpc, `retryDelay`), or of a field `retry_after`."""
    if depth > _DEPTH:
        return None
    if isinstance(body, list):
        return next((wait for one in body[:16] if (wait := _retry_delay(one, depth + 1)) is not None), None)
    if not isinstance(body, dict):
        return None
    for key in ("retryDelay", "retry_after", "retry_after_seconds"):
        value = str(body.get(key, "")).removesuffix("s")
        if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", value):
            return float(value)
    values = (body.get(key) for key in ("error", "details", "metadata"))
    return next((wait for value in values if (wait := _retry_delay(value, depth + 1)) is not None), None)


def _limit_field(body: Any) -> int | None:
    error = body.get("error", body) if isinstance(body, dict) else None
    return _plausible(error.get("n_ctx")) if isinstance(error, dict) else None
