"""Model client: one call with retries before the first token, time limits, and a stream that is always closed."""

import asyncio
import importlib
import logging
import os
import time
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from agent.models import pricing
from agent.models.bases import Base, base_of, is_near, operator_bases
from agent.models.calls import counting
from agent.models.calls.images import as_seen, has_images, refuses_images
from agent.models.calls.learned import Learned
from agent.models.calls.places import CallPlaces
from agent.models.calls.with_text import has_nulls, with_text
from agent.models.calls.without_tools import without_tools
from agent.models.catalog import Address, Catalog
from agent.models.errors import ModelError, model_error
from agent.models.names import refuse_name, refuse_unguarded
from agent.models.settings import ModelSettings
from agent.models.streams import assembler
from agent.models.streams.assembler import ResponseAssembler
from agent.models.streams.reading import read_all
from agent.models.streams.watchdog import Watchdog
from agent.models.types import DEMO_MODEL, ModelInfo, ModelReply, ModelRequest, ModelUsage, Sink, TokenCounts
from agent.util.backoff import Backoff
from agent.util.executors import Executors
from agent.util.garbage import seldom_collected, used_for_good
from agent.util.places import SERVER, Holder
from agent.util.tasks import TaskOwner
from agent.util.text import BYTES_A_TOKEN
from agent.util.threads import start_in_own_thread

if TYPE_CHECKING:
    from agent.models.litellm_provider import Provider

log = logging.getLogger("holdfast.models")

BACKOFF_INITIAL_S = 0.5
"""Pause before the first retry; it doubles with each, with jitter."""

BACKOFF_MAX_S = 20.0
"""The longest pause between two retries: a person waits for the answer."""

RETRY_AFTER_MAX_S = 60.0
"""Longest `Retry-After` of a provider that is waited for; a longer one fails the call, so that the person knows."""


SHORT_TOKENS = 2_000
"""A conversation of fewer tokens, by estimate, says nothing of the context of a model that refuses it as too long."""


class Models:
    """All models of a process. Any number of tasks may use `call` at the same time; calls share no state.

    `bases`: as `bases.operator_bases` gives them; without it, for one local user. `named`: models that the operator named
    elsewhere than in the settings and the catalog given here. `executors`: the server's.
    `configured`: the model that `api_base` and `api_key` of the settings are for, see `Catalog.address`.
    """

    def __init__(
        self,
        settings: ModelSettings,
        catalog: Catalog | None = None,
        bases: frozenset[Base] | None = None,
        executors: Executors | None = None,
        named: Iterable[str] = (),
        configured: str | None = None,
    ) -> None:
        self._settings = settings
        self._configured = configured
        self._learned = Learned(time.monotonic)
        self._places = CallPlaces()
        self.catalog = catalog or Catalog([])
        self._named = frozenset([*named, *self.catalog.names, *settings.extra, *settings.defaults.values()])
        self._bases = bases
        self._executors = executors or Executors()
        self._owns_executors = executors is None
        self._tasks = TaskOwner("models")
        self._loading: asyncio.Task[Provider] | None = None
        self._provider: Provider | None = None

    async def load(self) -> None:
        """Import LiteLLM in a thread, once. Raises ModelError (model_unavailable) if it can't be loaded."""
        await self._loaded()

    def refuse(self, model: str) -> str | None:
        """Why no model of this name may be called here, or None."""
        return refuse_name(model) or refuse_unguarded(model, model.partition("/")[0], self._named)

    async def call(self, request: ModelRequest, sink: Sink) -> ModelReply:
        """Stream one answer into the sink, then return its tool calls, finish reason and usage.

        Cancelling the task closes the HTTP stream at once. Raises ModelError; an exception of the sink passes.
        """
        self._refuse_bad_name(request.model)
        provider = await self._loaded()
        at_once = self.catalog.entry(request.model).at_once
        async with self._places.take(request.model, at_once, optional=request.optional):
            reply = await self._tries(provider, request, sink)
        used_for_good("litellm")  # its first call imports forty modules, and 20,000 objects stay
        self._list(provider, request.model)
        return reply

    async def _tries(self, provider: "Provider", request: ModelRequest, sink: Sink) -> ModelReply:
        retries, asked_why, blind, backoff = 0, False, "", Backoff(BACKOFF_INITIAL_S, BACKOFF_MAX_S)
        while True:
            sent = await as_seen(self._as_taken(request), self.info(request.model).images, blind)
            response = ResponseAssembler(request.model, sink, assembler.OUTPUT_CHARS_MAX)
            try:
                await self._attempt(provider, sent, response)
                self._refuse_silence(sent, response)
                return response.reply(self._usage(provider, sent, response), provider.source(request.model))
            except ModelError as error:
                failure = error
            if response.started:
                raise failure
            wants_texts = failure.refuses_nulls or failure.code == "model_no_answer"
            if wants_texts and has_nulls(sent) and provider.has_own_address(request.model):
                self._learned.note(request.model).wants_texts = True
                continue
            if failure.code == "model_no_answer" and not asked_why:
                asked_why = True
                failure = await self._why_empty(provider, sent) or failure
            if failure.code == "model_context_exceeded":
                self._note_limit(sent, failure.context_limit)
            if failure.refuses_tools and sent.tools:
                self._learned.note(request.model).takes_no_tools = True
                log.warning("the model is called again without tools, and for an hour: %s", failure.message)
                continue
            if not blind and has_images(request) and refuses_images(failure):
                blind = f"its provider refused the request with it, and says: {failure.message}"
                log.warning("the model is called again without images: %s", failure.message)
                continue
            pause_s = self._pause_s(failure, backoff)
            if not failure.retryable or retries >= self._settings.max_retries or request.optional or pause_s is None:
                raise failure
            retries += 1
            log.warning("the model is called again in %.1f s, retry %d: %s", pause_s, retries, failure.message)
            await asyncio.sleep(pause_s)

    def _as_taken(self, request: ModelRequest) -> ModelRequest:
        """The request, without tools for a model that takes none, and with texts for one that wants them."""
        known = self._learned.of(request.model)
        if not self.catalog.entry(request.model).tools or known.takes_no_tools:
            request = without_tools(request)
        return with_text(request) if known.wants_texts else request

    def _refuse_silence(self, request: ModelRequest, response: ResponseAssembler) -> None:
        """Raise ModelError for an answer without a word to a user. After a tool's result a model may have nothing to add."""
        last = request.messages[-1].get("role") if request.messages else ""
        if not response.started and response.finish_reason == "stop" and last == "user" and not request.optional:
            raise model_error("model_no_answer", request.model, because="it ended without a word")

    def _note_limit(self, request: ModelRequest, limit: int | None) -> None:
        """Note how much context the model has, as its refusal said. One that does not say shows that it is less than this."""
        if limit is None:
            sent = counting.request_bytes(request) // BYTES_A_TOKEN
            limit = sent * 3 // 4 if sent >= SHORT_TOKENS else None
        if limit is not None:
            self._learned.note(request.model).refused_at = limit

    async def _why_empty(self, provider: "Provider", request: ModelRequest) -> ModelError | None:
        try:
            async with asyncio.timeout(self._settings.first_token_timeout_s):
                return await provider.ask_why(request)
        except TimeoutError:
            return None

    def _list(self, provider: "Provider", model: str) -> None:
        """Ask the server of a model that answers how much context it has, once an hour, beside the calls."""
        if self.catalog.entry(model).context_limit or self._learned.of(model).was_listed:
            return
        self._learned.note(model).was_listed = True
        if model != DEMO_MODEL and provider.has_own_address(model):
            self._tasks.start(self._listed(provider, model), "list")

    async def _listed(self, provider: "Provider", model: str) -> None:
        self._learned.note(model).listed = await provider.listed_limit(model)

    def info(self, model: str) -> ModelInfo:
        """What is known of the model now: more once LiteLLM is loaded. Never blocks."""
        table = self._provider.table if self._provider is not None else {}
        entry = self.catalog.entry(model)
        known = pricing.context_limit(table, model)
        limit = self._learned.context_limit(model, entry.context_limit, known, self._settings.default_context_limit)
        input_usd, output_usd = pricing.per_million(table, model)
        return ModelInfo(
            model,
            model == DEMO_MODEL,
            limit,
            pricing.max_output_tokens(table, model),
            entry.label or model,
            input_usd if entry.input_usd is None else entry.input_usd,
            output_usd if entry.output_usd is None else entry.output_usd,
            entry.reasoning_effort,
            pricing.sees_images(table, model) if entry.images is None and model != DEMO_MODEL else bool(entry.images),
        )

    def is_local(self, model: str) -> bool:
        """Whether the model is called at an address of this machine or network, which may answer one call at a time."""
        usual = self.catalog.address(model, self._configured, Address(self._settings.api_base, self._settings.api_key))
        base = base_of(self.catalog.route(model, usual=usual).api_base)
        return base is not None and is_near(base.host)

    def cost_usd(self, model: str, sent: int, wrote: int) -> float | None:
        """US dollars of a call with these tokens, none of them cached; None if the price is unknown."""
        if model == DEMO_MODEL:
            return 0.0
        cost = self.catalog.cost_usd(model, sent, wrote)
        table = self._provider.table if self._provider is not None else {}
        return pricing.cost_usd(table, model, TokenCounts(sent, wrote)) if cost is None else cost

    @property
    def settled(self) -> bool:
        """Whether nothing is being learned of models beside the calls."""
        return not len(self._tasks)

    async def aclose(self) -> None:
        """Close the HTTP clients that are kept between calls. End the calls first."""
        await self._tasks.aclose()
        provider, self._provider, self._loading = self._provider, None, None
        if provider is not None:
            await provider.aclose()
        if self._owns_executors:
            await self._executors.aclose()
            self._executors = Executors()

    async def _loaded(self) -> "Provider":
        if self._provider is not None:
            return self._provider
        if self._loading is None or (self._loading.done() and self._loading.cancelled()):
            self._loading = self._tasks.start(self._load(), "load")
        return await asyncio.shield(self._loading)

    async def _load(self) -> "Provider":
        try:
            module = await start_in_own_thread("models-import", _import_provider)
        except Exception as error:
            self._loading = None
            message = f"No model can be called: LiteLLM could not be loaded ({error}). Install the server's dependencies again."
            raise ModelError("model_unavailable", message, retryable=False) from error
        provider: Provider = module.Provider(
            self._settings, self.catalog, self._own_bases(), self._executors, self._named, self._configured
        )
        self._provider = provider
        return provider

    def _refuse_bad_name(self, model: str) -> None:
        """Raise ModelError for a name that may not be used: an older version, or other settings, may have stored it."""
        refused = self.refuse(model)
        if refused is not None:
            raise model_error(
                "model_bad_request", model, because=refused, advice="Choose another model.", retryable=False
            )

    def _own_bases(self) -> frozenset[Base]:
        if self._bases is not None:
            return self._bases
        return operator_bases(self._settings, self.catalog, os.environ, (), all_local=True)

    async def _attempt(self, provider: "Provider", request: ModelRequest, response: ResponseAssembler) -> None:
        watchdog = Watchdog(self._settings.first_token_timeout_s)
        try:
            with watchdog:
                stream = await provider.open(request)
                try:
                    await read_all(stream, response, watchdog, self._settings.stall_timeout_s)
                finally:
                    await stream.aclose()
        except TimeoutError as error:
            if not watchdog.expired:
                raise
            raise model_error("model_timeout", request.model, because=watchdog.because) from error
        await response.end()

    def _pause_s(self, error: ModelError, backoff: Backoff) -> float | None:
        """Seconds until the next try; None if the provider asks for a longer wait than the settings allow."""
        pause_s = backoff.next_s()
        if error.retry_after is None:
            return pause_s
        return None if error.retry_after > RETRY_AFTER_MAX_S else error.retry_after + pause_s / 4

    def _usage(self, provider: "Provider", request: ModelRequest, response: ResponseAssembler) -> ModelUsage:
        counted = counting.count(response.tokens, counting.request_bytes(request), response.answered)
        tokens, model = counted.tokens, request.model
        cost = 0.0 if model == DEMO_MODEL else self.catalog.cost_usd(model, tokens.input, tokens.output)
        if cost is None:
            cost = pricing.cost_usd(provider.table, model, tokens)
        return ModelUsage(
            tokens.input, tokens.output, tokens.cache_read, cost, tokens.reasoning, estimated=counted.estimated
        )


class OwnerModelClient:
    """A client for the sessions of one owner: calls of the Hugging Face router carry the owner's token."""

    __slots__ = ("_holder", "_hub_token", "_models")

    def __init__(self, models: Models, hub_token: str | None, holder: Holder = SERVER) -> None:
        self._models = models
        self._holder = holder
        self._hub_token = hub_token or ""

    async def call(self, request: ModelRequest, sink: Sink) -> ModelReply:
        """As `Models.call`."""
        return await self._models.call(
            msgspec.structs.replace(request, hub_token=self._hub_token, holder=self._holder), sink
        )


def _import_provider() -> ModuleType:
    with seldom_collected():  # it has a million objects
        return importlib.import_module("agent.models.litellm_provider")
