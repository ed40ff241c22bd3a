"""Error mapping: turns exceptions of providers, LiteLLM and the network into ModelError. Loaded together with LiteLLM."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime

import httpx

from agent.models.bases import AddressRefused
from agent.models.catalog import DEFAULT_MODELS
from agent.models.errors import ModelError, ModelErrorCode, model_error, redact
from agent.models.provider_errors.kinds import (
    is_overloaded,
    is_too_long,
    kind_of,
    refuses_nulls,
    refuses_tools,
    status_of,
)
from agent.models.provider_errors.words import Words, read_words, strip_prefixes
from agent.util.places import PlacesTaken

log = logging.getLogger("holdfast.models")

_NO_KEY = re.compile(
    r"missing (?:credentials|\S* ?api[ _]key)|api[ _]?key\S* (?:is )?(?:missing|required|not (?:set|found|provided))"
    r"|(?:provide|pass|set) (?:an?|your|the) `?\S* ?api[ _]?key",
    re.IGNORECASE,
)
_IN_STREAM = "it sent an error in its stream"
_PYTHON = (TypeError, KeyError, AttributeError, IndexError, AssertionError, NameError, RecursionError)
"""Faults of code: their texts are nobody's answer."""


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
    """Makes the ModelErrors of one model. `secrets`: gives what no message may hold. `refusals`: addresses that the call did not reach."""

    def __init__(
        self, model: str, secrets: Callable[[], tuple[str, ...]], refusals: Sequence[AddressRefused] = ()
    ) -> None:
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
        address = _address(causes)
        if any(isinstance(cause, httpx.TimeoutException) for cause in causes):
            because = f"no answer from {address}" if address else "no answer to the request"
            return model_error("model_timeout", self._model, because=because)
        if any(isinstance(cause, httpx.TransportError) for cause in causes):
            return self._no_connection(address)
        refused = self._from_response(causes)
        if refused is not None:
            return refused
        status, words = getattr(error, "status_code", None), self._words(error)
        if "LLM Provider NOT provided" in str(error):
            advice = "Write its name as PROVIDER/MODEL, for example openai/gpt-5.6."
            return model_error("model_bad_request", self._model, because="no provider of that name", advice=advice)
        if status in (None, 500) and _NO_KEY.search(words.message):
            advice = self._advice("model_auth")
            return model_error(
                "model_auth", self._model, because="no API key", quote=self._clean(words.message), advice=advice
            )
        if not isinstance(status, int) or any(isinstance(cause, _PYTHON) for cause in causes):
            return self._not_sent(causes)
        return self.from_status(status, words, _headers(causes))

    def of_refusal(self, error: Exception) -> ModelError | None:
        """The error of a call that was refused with an HTTP status; None if it failed in another way."""
        return self._from_response(list(chain(error)))

    def from_status(self, status: int, words: Words, headers: Mapping[str, str] | None = None) -> ModelError:
        """The error of an HTTP status and what came with it."""
        wait = _retry_after(headers or {})
        return self._error(kind_of(status, words), f"HTTP {status}", words, status, wait)

    def from_reading(self, error: Exception) -> ModelError:
        """The error of a stream that had begun. Some providers' HTTP errors come only with the first read of it."""
        if self._refusals:
            return self._address_refused()
        causes = list(chain(error))
        refused = self._from_response(causes)
        if refused is not None:
            return refused
        if any(isinstance(cause, httpx.TimeoutException) for cause in causes):
            return model_error("model_timeout", self._model, because="silent in the middle of its answer")
        if any(isinstance(cause, httpx.ConnectError) for cause in causes):
            return self._no_connection(_address(causes))
        if any(isinstance(cause, (httpx.TransportError, httpx.StreamError)) for cause in causes):
            return self.stream_cut()
        if any(isinstance(cause, (json.JSONDecodeError, *_PYTHON)) for cause in causes):
            log.info("a model's stream could not be read: %s", self._clean(str(error)))
            return self.malformed()
        codes = (getattr(cause, name, None) for cause in causes for name in ("code", "status_code"))
        known = [str(code) for code in codes if isinstance(code, (int, str)) and code not in (500, "", "500")]
        words = self._words(error)
        return self.from_error_event(Words(words.message, (*words.codes, *known[:1]), words.retry_after))

    def from_error_event(self, words: Words) -> ModelError:
        """The error that a provider sent in its stream, or with HTTP 200 in its place."""
        status = status_of(words.codes)
        if is_too_long(words.message):
            status = status if status == 413 else 400
        elif is_overloaded(words.message) and status in (0, 500, 503, 429):
            status = 529
        if status in (0, 500):
            what = "failed" if words.message else ""
            return self._error("model_bad_response", _IN_STREAM, words, status, None, what)
        return self._error(kind_of(status, words), f"{_IN_STREAM}, {status}", words, status, None)

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

    def _error(
        self, code: ModelErrorCode, because: str, words: Words, status: int, wait: float | None, what: str = ""
    ) -> ModelError:
        if code == "model_unavailable" and not what:
            what = "is not available"
        error = model_error(
            code,
            self._model,
            because=because,
            quote=self._clean(words.message),
            advice=self._advice(code),
            what=what,
            retry_after=words.retry_after if wait is None else wait,
        )
        error.refuses_tools = code == "model_bad_request" and refuses_tools(status or 400, words)
        error.refuses_nulls = refuses_nulls(status or 400, words)
        error.context_limit = words.context_limit if code == "model_context_exceeded" else None
        return error

    def _from_response(self, causes: list[BaseException]) -> ModelError | None:
        """The error of the HTTP response that the causes hold: its status and body are the provider's own."""
        response = _response(causes)
        if response is None:
            return None
        words = read_words(_body(response))
        if not words.message:
            words = self._words(causes[0])
        names = tuple(str(code) for cause in causes if isinstance(code := getattr(cause, "code", None), str))
        words = Words(words.message, (*words.codes, *names), words.retry_after, words.context_limit)
        return self.from_status(response.status_code, words, response.headers)

    def _no_connection(self, address: str) -> ModelError:
        because = f"no connection to {address}" if address else "no connection"
        advice = "Is its server running at that address?" if address else ""
        return model_error("model_unavailable", self._model, because=because, advice=advice)

    def _not_sent(self, causes: list[BaseException]) -> ModelError:
        """LiteLLM refused or failed before a request was made."""
        fault = next((cause for cause in causes if isinstance(cause, _PYTHON)), None)
        if fault is None:
            quote = self._clean(strip_prefixes(str(causes[0])))
            return model_error("model_bad_request", self._model, because="the request was not sent", quote=quote)
        log.warning("LiteLLM could not call %s: %s: %s", self._model, type(fault).__name__, self._clean(str(fault)))
        return model_error("model_bad_request", self._model, because="LiteLLM could not make the request; see the log")

    def _address_refused(self) -> ModelError:
        """Without a quote: what is at that address is not the provider."""
        advice = "Only the server's operator sets addresses (`api_base`). Choose another model."
        because = str(self._refusals[0])
        return model_error("model_bad_request", self._model, because=because, advice=advice, retryable=False)

    def _advice(self, code: ModelErrorCode) -> str:
        if code != "model_auth":
            return ""
        provider = self._model.partition("/")[0]
        name = next((name for name, model in DEFAULT_MODELS if model.startswith(f"{provider}/")), "")
        return f"Set {name} in the environment, or api_key in the settings." if name else ""

    def _words(self, error: BaseException) -> Words:
        return read_words(str(getattr(error, "message", "") or error))

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets())


def _response(causes: list[BaseException]) -> httpx.Response | None:
    """The HTTP response with an error, if a provider sent one. LiteLLM's exceptions hold responses of its own making."""
    for cause in reversed(causes):
        response = getattr(cause, "response", None)
        real = isinstance(cause, httpx.HTTPStatusError) or type(cause).__module__.partition(".")[0] == "openai"
        if real and isinstance(response, httpx.Response) and response.status_code >= 400:
            return response
    return None


def _body(response: httpx.Response) -> bytes:
    try:
        return response.content
    except httpx.ResponseNotRead:
        return b""


def _address(causes: list[BaseException]) -> str:
    """Scheme, host and port of the request that failed; empty if no cause knows it."""
    for cause in causes:
        if isinstance(cause, httpx.RequestError):
            try:
                url = cause.request.url
            except RuntimeError:
                continue
            return f"{url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}"
    return ""


def _headers(causes: list[BaseException]) -> Mapping[str, str]:
    for cause in causes:
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
