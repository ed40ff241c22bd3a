"""Error mapping: turns exceptions of providers, LiteLLM and the network into ModelError. Loaded together with LiteLLM."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime

import httpx

from agent.models.bases import AddressRefused
from agent.models.catalog import DEFAULT_MODELS
from agent.models.errors import ModelError, ModelErrorCode, model_error, redact
from agent.util.places import PlacesTaken

_BY_STATUS: dict[int, ModelErrorCode] = {
    401: "model_auth",
    402: "model_payment",
    403: "model_auth",
    408: "model_timeout",
    409: "model_unavailable",
    413: "model_context_exceeded",
    425: "model_unavailable",
    429: "model_rate_limited",
    504: "model_timeout",
}
_BY_NAME: dict[str, int] = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "insufficient_quota": 402,
    "billing_error": 402,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "context_length_exceeded": 413,
}
_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|input|prompt)|prompt is too long|input is too long"
    r"|too many (?:input )?tokens|reduce the length of",
    re.IGNORECASE,
)
_UNPAID = re.compile(
    r"insufficient[ _](?:quota|credits|balance|funds)|credit balance|exceeded your current quota", re.IGNORECASE
)
_NO_KEY = re.compile(
    r"missing (?:credentials|\S* ?api[ _]key)|api[ _]?key\S* (?:is )?(?:missing|required|not (?:set|found|provided))"
    r"|(?:provide|pass|set) (?:an?|your|the) `?\S* ?api[ _]?key",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:litellm\.)?[A-Za-z_]+(?:-\w+)?(?:Error|Exception|Timeout)(?::| -)\s+")


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all its causes and contexts, outermost first."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        original = getattr(one, "original_exception", None)
        pending += [original if isinstance(original, BaseException) else None, one.__cause__, one.__context__]


class ErrorMapper:
    """Makes the ModelErrors of one model. `secrets`: what no message may hold. `refusals`: addresses that the call did not reach."""

    def __init__(self, model: str, secrets: tuple[str, ...], refusals: Sequence[AddressRefused] = ()) -> None:
        self._model = model
        self._secrets = secrets
        self._refusals = refusals

    def from_opening(self, error: Exception) -> ModelError:
        """The error of a call that did not begin to answer."""
        if self._refusals:
            return self._address_refused()
        causes = list(chain(error))
        full = next((cause for cause in causes if isinstance(cause, PlacesTaken)), None)
        if full is not None:
            return model_error("model_unavailable", self._model, because=str(full), advice="Try again.")
        quote = self._quote(error)
        if any(isinstance(cause, httpx.TimeoutException) for cause in causes):
            return model_error("model_timeout", self._model, because="no answer to the request")
        if any(isinstance(cause, httpx.TransportError) for cause in causes):
            return model_error("model_unavailable", self._model, because="no connection", quote=quote)
        status = getattr(error, "status_code", None)
        headers = _headers(error)
        if "LLM Provider NOT provided" in str(error):
            advice = "Write its name as PROVIDER/MODEL, for example openai/gpt-5.6."
            return model_error("model_bad_request", self._model, because="no provider of that name", advice=advice)
        if status in (None, 500) and _NO_KEY.search(quote):
            advice = self._advice("model_auth")
            return model_error("model_auth", self._model, because="no API key", quote=quote, advice=advice)
        if not isinstance(status, int):
            return model_error("model_bad_request", self._model, because=type(error).__name__, quote=quote)
        return self.from_status(status, quote, headers, names=(str(getattr(error, "code", "")),))

    def from_status(
        self, status: int, quote: str, headers: Mapping[str, str] | None = None, names: tuple[str, ...] = ()
    ) -> ModelError:
        """The error of an HTTP status. `quote`: the provider's message. `names`: its error codes."""
        code = _BY_STATUS.get(status, "model_unavailable" if status >= 500 else "model_bad_request")
        if code in ("model_rate_limited", "model_bad_request") and _UNPAID.search(" ".join((quote, *names))):
            code = "model_payment"
        if code == "model_bad_request" and _TOO_LONG.search(" ".join((quote, *names))):
            code = "model_context_exceeded"
        return model_error(
            code,
            self._model,
            because=f"HTTP {status}",
            quote=quote,
            advice=self._advice(code),
            retry_after=_retry_after(headers or {}),
        )

    def from_reading(self, error: Exception) -> ModelError:
        """The error of a stream that had begun."""
        if self._refusals:
            return self._address_refused()
        causes = list(chain(error))
        if any(isinstance(cause, httpx.TimeoutException) for cause in causes):
            return model_error("model_timeout", self._model, because="silent in the middle of its answer")
        if any(isinstance(cause, (httpx.TransportError, httpx.StreamError)) for cause in causes):
            return self.stream_cut()
        if any(isinstance(cause, json.JSONDecodeError) for cause in causes):
            return self.malformed()
        codes = (getattr(cause, name, None) for cause in causes for name in ("code", "status_code"))
        known = [code for code in codes if isinstance(code, (int, str)) and code not in (500, "", "500")]
        return self.from_error_chunk(known[0] if known else None, self._quote(error))

    def from_error_chunk(self, code: int | str | None, quote: str) -> ModelError:
        """The error that a provider sent in its stream."""
        status = _BY_NAME.get(code, 0) if isinstance(code, str) and not code.isdecimal() else int(code or 0)
        text = self._clean(quote)
        if status in (401, 402, 403, 413, 429) or _TOO_LONG.search(text):
            return self.from_status(400 if _TOO_LONG.search(text) else status, text)
        return model_error("model_bad_response", self._model, because="it sent an error in its stream", quote=text)

    def _address_refused(self) -> ModelError:
        """Without a quote: what is at that address is not the provider."""
        advice = "Only the server's operator sets addresses (`api_base`). Choose another model."
        because = str(self._refusals[0])
        return model_error("model_bad_request", self._model, because=because, advice=advice, retryable=False)

    def malformed(self) -> ModelError:
        return model_error("model_bad_response", self._model, because="malformed data in its stream")

    def not_a_stream(self, content_type: str) -> ModelError:
        kind = content_type.partition(";")[0].strip() or "nothing named"
        advice = "Check that api_base is the address of an OpenAI-compatible API."
        return model_error(
            "model_bad_response",
            self._model,
            because=f"{kind} instead of an event stream",
            advice=advice,
            retryable=False,
        )

    def stream_cut(self) -> ModelError:
        return model_error("model_stream_cut", self._model, because="the connection ended before the answer")

    def _advice(self, code: ModelErrorCode) -> str:
        if code != "model_auth":
            return ""
        provider = self._model.partition("/")[0]
        name = next((name for name, model in DEFAULT_MODELS if model.startswith(f"{provider}/")), "")
        return f"Set {name} in the environment, or api_key in the settings." if name else ""

    def _quote(self, error: Exception) -> str:
        text = str(getattr(error, "message", "") or error)
        text = re.split(r"\bOriginal exception:|\nTraceback \(", text)[0]
        while match := _PREFIX.match(text):
            text = text[match.end() :]
        return self._clean(_from_json(text))

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)


def _from_json(text: str) -> str:
    """The message inside an error object, if the text is one."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else text


def _headers(error: BaseException) -> Mapping[str, str]:
    for cause in chain(error):
        for holder in (cause, getattr(cause, "response", None)):
            for name in ("litellm_response_headers", "headers"):
                headers = getattr(holder, name, None)
                if isinstance(headers, Mapping) and headers:
                    return headers
    return {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, which may hold seconds or a date (RFC 9110, 10.2.3)."""
    lowered = {name.lower(): str(value) for name, value in headers.items()}
    millis, value = lowered.get("retry-after-ms", ""), lowered.get("retry-after", "")
    try:
        return float(millis) / 1000 if millis else max(0.0, float(value)) if value else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
