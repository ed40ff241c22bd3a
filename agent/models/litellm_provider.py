"""LiteLLM provider: opens streams; the import takes 2.5 s and 160 MiB, so it is loaded at first use, in a thread."""

import gc
import logging
import os
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, cast

import httpx
import httpx2  # noqa: F401  # the OpenAI client looks for it among the loaded modules, and fails if another thread has loaded half of it
import litellm
import msgspec
from litellm import utils as litellm_utils
from litellm.exceptions import BadRequestError
from litellm.litellm_core_utils import core_helpers
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

from agent.models import demo, guarded_transport, library_threads, openai_patch, pricing
from agent.models.bases import AddressRefused, Base, refusals
from agent.models.calls import listing
from agent.models.calls.turns import CallTurns
from agent.models.catalog import HUB_ROUTER, NO_KEY, OWN_ADDRESS, Address, Catalog, Route
from agent.models.demo_provider import DEMO_PROVIDER, GAP, DemoProvider
from agent.models.error_mapping import ErrorMapper
from agent.models.errors import ModelError, model_error
from agent.models.names import refuse_provider, refuse_unguarded
from agent.models.openai_responses import responses_model, responses_parameters
from agent.models.prompt_caching import mark_for_caching, needs_cache_marks
from agent.models.provider_state.order import joins_messages
from agent.models.provider_state.request import must_not_think, put_back, returns_reasoning
from agent.models.providers import provider_calls
from agent.models.settings import ModelSettings
from agent.models.streams import assembler
from agent.models.streams.direct import DirectStream
from agent.models.streams.iterated import IteratedStream
from agent.models.streams.readers import body_of, iterator_of
from agent.models.streams.wrapped import WrappedStream, Wrapper, ask_for_no_price
from agent.models.types import DEMO_MODEL, ModelRequest, ProviderStream
from agent.util.executors import Executors, HolderExecutor

lite: Any = litellm  # its annotations do not hold under strict checking
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "httpcore", "openai", "aiohttp")
_THINKING_BUDGET = ("anthropic/", "claude-", "bedrock/anthropic.", "vertex_ai/claude")
"""Models for which LiteLLM makes the answer's limit of the thinking's, if none is given, and cuts long answers."""
_LISTING = frozenset({"openai", "hosted_vllm", "custom_openai", "litellm_proxy", "llamafile"})
"""Providers whose servers list their models as OpenAI does."""
LISTING_S = 5.0
"""Seconds that a server may take to list its models. No call waits for it."""
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def _no_cost(**_: object) -> None:
    """In place of LiteLLM's costs, which only its callbacks read: they take a twentieth of what a call costs."""


def silence_litellm() -> None:
    """Turn off its telemetry, its output on stdout, and log lines with requests or URLs: some providers' URLs hold the key."""
    lite.telemetry = False
    lite.suppress_debug_info = True
    lite.set_verbose = False
    lite.disable_streaming_logging = True
    lite.disable_hf_tokenizer_download = True
    lite.turn_off_message_logging = True
    lite.callbacks = []
    lite.success_callback = []
    lite.failure_callback = []
    lite.response_cost_calculator = _no_cost
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def drop_unused_data() -> None:
    """Drop what LiteLLM reads while it is imported, writes as one string, and keeps for nothing: 13 MiB of a tokenizer."""
    if hasattr(litellm_utils, "json_data"):
        litellm_utils.json_data = None


def keep_finish_reasons() -> None:
    """Have LiteLLM keep the reasons to finish that it takes for "stop": the answer is not whole, or failed."""
    reasons: Any = core_helpers._FINISH_REASON_MAP  # private, and the only place that all providers' reasons go through
    kept = ("pause_turn", "malformed_function_call", "network_error", "error")
    reasons |= dict(zip(kept, kept, strict=True))
    reasons |= {
        "model_context_window_exceeded": "length",
        "model_length": "length",
        "MALFORMED_FUNCTION_CALL": "malformed_function_call",
    }
    failed = ("MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "ERROR")
    reasons |= dict.fromkeys(failed, "error")


def ignore_litellm_warnings() -> None:
    """Ignore two warnings about LiteLLM's own code.

    Pydantic builds its types at first use and warns about some of them: so they are built now.
    A call that is cancelled in its first milliseconds leaves one of LiteLLM's coroutines behind, before any request.
    """
    warnings.filterwarnings("ignore", message="Items? '.*' on TypedDict class", category=UserWarning)
    never_awaited = r"coroutine '\w*(?:LLM|Completion)\w*\..*' was never awaited"
    warnings.filterwarnings("ignore", message=never_awaited, category=RuntimeWarning)
    ModelResponseStream(choices=[StreamingChoices(delta=Delta(content=""))])


silence_litellm()
drop_unused_data()
keep_finish_reasons()
ask_for_no_price()
openai_patch.install()
guarded_transport.install()
library_threads.install()
ignore_litellm_warnings()
# LiteLLM's million objects stay for good: without this each full collection walks them and stops the loop for 0.2 s.
gc.freeze()


def _provider_of(model: str) -> str:
    """The provider that LiteLLM calls for a name without one; empty if it knows none, which the call then says."""
    try:
        return str(lite.get_llm_provider(model)[1])
    except BadRequestError:
        return ""


def _holds_address(parameters: Mapping[str, object]) -> bool:
    return bool(parameters.get("api_base") or parameters.get("base_url"))


class Provider:
    """Opens streams with LiteLLM, by the settings and the catalog. `bases`: what the operator configured, see `bases`.
    `named`: the models that the operator named.
    `configured`: the model that `model.calls.api_base` and `api_key` are for, see `Catalog.address`.
    """

    users: ClassVar[int] = 0
    """Providers that are open: LiteLLM keeps one set of HTTP clients for all of them."""

    def __init__(
        self,
        settings: ModelSettings,
        catalog: Catalog,
        bases: frozenset[Base],
        executors: Executors,
        named: frozenset[str],
        configured: str | None = None,
    ) -> None:
        self._settings = settings
        self._named = named
        self._configured = configured
        self._catalog = catalog
        self._bases = bases
        self._executors = executors
        self._turns = CallTurns()
        guarded_transport.GUARD.allow(bases)
        DemoProvider.install()
        Provider.users += 1

    @property
    def table(self) -> Mapping[str, Mapping[str, object]]:
        """LiteLLM's table of context limits and prices."""
        return cast("Mapping[str, Mapping[str, object]]", lite.model_cost)

    async def open(self, request: ModelRequest) -> ProviderStream:
        """Send the request; returns when the provider has begun to answer. Raises ModelError."""
        errors = self._errors(request)
        library_threads.call_threads.set(self._threads(request))
        try:
            async with self._turns.take(request.holder):
                wrapper = await lite.acompletion(**self._parameters(request))
                if getattr(wrapper, "make_call", None) is not None:  # else its request goes out with the first read
                    await wrapper.fetch_stream()
        except Exception as error:
            raise errors.from_opening(error) from error
        return self._stream(cast("Wrapper", wrapper), request.model, errors)

    def _stream(self, wrapper: Wrapper, model: str, errors: ErrorMapper) -> ProviderStream:
        """The reader of an answer: of its bytes, else LiteLLM's iterator, else LiteLLM's wrapper around that."""
        if self._settings.direct_streams:
            if (body := body_of(wrapper)) is not None:
                return DirectStream(body, wrapper, errors, model, assembler.OUTPUT_CHARS_MAX)
            if (iterator := iterator_of(wrapper)) is not None:
                return IteratedStream(iterator, wrapper, errors)
        return WrappedStream(wrapper, errors, returns_reasoning=returns_reasoning(self._provider_of(model)))

    async def ask_why(self, request: ModelRequest) -> ModelError | None:
        """Why the model answers with nothing: the error of the same request without a stream, for one token; None if
        the server does not refuse that.

        Some servers begin a stream before they know that they cannot answer, and then end it without a word. llama-cpp-python
        closes its connection behind it, a moment later: so what fails without a refusal is asked once more.
        """
        errors = self._errors(request)
        library_threads.call_threads.set(self._threads(request))
        whole = {name: value for name, value in self._parameters(request).items() if name != "stream_options"}
        for _ in range(2):
            try:
                async with self._turns.take(request.holder):
                    await lite.acompletion(**whole | {"stream": False, "max_tokens": 1})
            except Exception as error:  # noqa: BLE001  # the error is what is asked for
                if (refused := errors.of_refusal(error)) is not None:
                    return refused
            else:
                return None
        return None

    async def listed_limit(self, model: str) -> int | None:
        """Tokens of context of a model, as the server at its configured address lists it; None if that does not say."""
        route = self._route(model, "")
        name = route.model.partition("/")[2]
        headers = {"authorization": f"Bearer {route.api_key}"} if route.api_key not in ("", NO_KEY) else {}
        body = b""
        try:
            async with httpx.AsyncClient(transport=guarded_transport.client_transport(), timeout=LISTING_S) as client:
                async with client.stream("GET", f"{route.api_base.rstrip('/')}/models", headers=headers) as response:
                    async for block in response.aiter_bytes():
                        body += block
                        if response.status_code != 200 or len(body) > listing.BYTES_MAX:
                            return None
        except (httpx.HTTPError, httpx.InvalidURL, AddressRefused) as error:  # the call itself says what is wrong
            logging.getLogger("holdfast.models").debug("%s: its server lists no models: %s", model, error)
            return None
        return listing.listed_limit(body, name)

    def has_own_address(self, model: str) -> bool:
        """Whether the operator gave the model an address that speaks OpenAI's API."""
        route = self._route(model, "")
        return bool(route.api_base) and route.model.partition("/")[0] in _LISTING

    def _errors(self, request: ModelRequest) -> ErrorMapper:
        refused: list[AddressRefused] = []
        refusals.set(refused)  # for this task, which makes one call at a time
        return ErrorMapper(request.model, partial(self._secrets, request), refused)

    def _route(self, model: str, hub_token: str) -> Route:
        usual = Address(self._settings.api_base, self._settings.api_key)
        return self._catalog.route(
            model, usual=self._catalog.address(model, self._configured, usual), hub_token=hub_token
        )

    def _threads(self, request: ModelRequest) -> HolderExecutor:
        """The threads for what LiteLLM does before the request. Raises ModelError for a provider that is not called."""
        if request.model == DEMO_MODEL:
            return self._executors.model_openings.of(request.holder)
        model, provider = self._catalog.route(request.model).model, self._provider_of(request.model)
        if "/" not in model:
            refused = (
                (refuse_provider(provider) or refuse_unguarded(model, provider, self._named)) if provider else None
            )
            if refused is not None:
                raise model_error("model_bad_request", request.model, because=refused, retryable=False)
        calls = provider_calls(provider).calls
        executor = self._executors.model_openings if calls == "async" else self._executors.models
        return executor.of(request.holder)

    def source(self, model: str) -> str:
        """Who makes a model's provider state: the model as LiteLLM knows it, and its address if it is not the usual one."""
        route = self._route(model, "")
        return f"{route.model} {route.api_base}".rstrip()

    def _provider_of(self, model: str) -> str:
        if model == DEMO_MODEL:
            return DEMO_PROVIDER
        name = self._catalog.route(model).model
        return name.partition("/")[0] if "/" in name else _provider_of(name)

    async def aclose(self) -> None:
        """Close the HTTP clients that LiteLLM keeps, when no other provider uses them."""
        Provider.users -= 1
        guarded_transport.GUARD.forget(self._bases)
        if Provider.users:
            return
        await lite.close_litellm_async_clients()
        lite.in_memory_llm_clients_cache.flush_cache()

    def _parameters(self, request: ModelRequest) -> dict[str, object]:
        settings, route = self._settings, self._route(request.model, request.hub_token)
        effort = request.reasoning_effort or self._catalog.entry(request.model).reasoning_effort
        chosen: dict[str, object] = {
            "api_base": route.api_base,
            "api_key": route.api_key,
            "reasoning_effort": effort,
            **self._by_provider(route, effort),
        }
        extra = settings.parameters(request.model)
        if _holds_address(extra) and not route.api_base and self._provider_of(request.model) not in OWN_ADDRESS:
            chosen["api_key"] = NO_KEY  # the provider's key, or the owner's, is not for that address
        parameters: dict[str, object] = {
            "drop_params": True,
            **{name: value for name, value in chosen.items() if value},
            **extra,
        }
        if request.model == DEMO_MODEL:
            parameters = {GAP: demo.TOKEN_MS / 1000}
        if request.max_output_tokens is not None:
            parameters["max_tokens"] = request.max_output_tokens
        if request.tools:
            parameters["tools"] = msgspec.to_builtins(request.tools)
        parameters |= {"model": f"{DEMO_PROVIDER}/{DEMO_MODEL}" if request.model == DEMO_MODEL else route.model}
        return self._with_messages(request, parameters) | {
            "stream": True,
            "stream_options": {"include_usage": True},
            # Of the Hugging Face router it would become a field of the body.
            **({} if route.model.startswith(HUB_ROUTER) else {"max_retries": 0}),
            # Else a request with tools imports LiteLLM's MCP gateway, which needs packages that LiteLLM doesn't require.
            "_skip_mcp_handler": True,
            # A backstop behind the watchdog's limits, for what LiteLLM does before and after the stream.
            "timeout": settings.first_token_timeout_s + settings.stall_timeout_s,
        }

    def _with_messages(self, request: ModelRequest, parameters: dict[str, object]) -> dict[str, object]:
        """The parameters with the messages, and with what the provider state in these needs."""
        model, provider = self._catalog.route(request.model).model, self._provider_of(request.model)
        thinks = parameters.get("reasoning_effort") != "none"
        by_responses = responses_model(parameters, provider)
        joins = joins_messages(model, provider, by_responses=by_responses is not None)
        messages = put_back(request.messages, self.source(request.model), provider, thinks=thinks, joins=joins)
        if must_not_think(messages, model, provider):
            parameters = {
                key: value for key, value in parameters.items() if key not in ("reasoning_effort", "thinking")
            }
        if needs_cache_marks(model):
            messages = mark_for_caching(messages)
        added = {} if by_responses is None else responses_parameters(parameters, by_responses, provider)
        # A copy: LiteLLM changes messages in place for some providers.
        return parameters | {"messages": msgspec.to_builtins(messages)} | added

    def _by_provider(self, route: Route, effort: str) -> dict[str, object]:
        """Parameters that LiteLLM would set wrongly, or drop, for a model that is asked to think."""
        if not effort:
            return {}
        if route.model.startswith(HUB_ROUTER):
            return {"allowed_openai_params": ["reasoning_effort"]}
        most = pricing.max_output_tokens(self.table, route.model) if route.model.startswith(_THINKING_BUDGET) else None
        return {"max_tokens": most} if most else {}

    def _secrets(self, request: ModelRequest) -> tuple[str, ...]:
        parameters = self._settings.parameters(request.model)
        named = {**os.environ, **{key: str(value) for key, value in parameters.items()}}
        secrets = (value for name, value in named.items() if any(word in name.upper() for word in _SECRET_NAMES))
        return (self._settings.api_key, self._catalog.entry(request.model).api_key, request.hub_token, *secrets)
