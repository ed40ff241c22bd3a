"""Model catalog: the models that a server offers, each with its address, key, context limit and prices."""

import os
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from agent.models.types import DEMO_MODEL
from protocol.content import Effort

DEFAULT_MODELS: tuple[tuple[str, str], ...] = (
    ("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-5"),
    ("OPENAI_API_KEY", "openai/gpt-5.6"),
    ("GEMINI_API_KEY", "gemini/gemini-flash-latest"),
    ("MISTRAL_API_KEY", "mistral/mistral-medium-latest"),
    ("OPENROUTER_API_KEY", "openrouter/openrouter/auto"),
    ("DEEPSEEK_API_KEY", "deepseek/deepseek-v4-flash"),
    ("GROQ_API_KEY", "groq/openai/gpt-oss-120b"),
    ("XAI_API_KEY", "xai/grok-4.5"),
    ("HF_TOKEN", "huggingface/openai/gpt-oss-120b"),
)
"""Environment name of a credential, and the model it selects; the first that is set wins. HF_TOKEN is last, because it
is often set for other work."""


class ModelChoice(msgspec.Struct, frozen=True):
    """The chosen model, whether it is the demo, and the reason for the log."""

    model: str
    demo: bool
    reason: str


def choose_model(configured: str, environ: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> ModelChoice:
    """The configured model if there is one; else the first whose credentials are set; else the demo.

    `defaults` (credential name to model) overrides the built-in table and adds to its end.
    """
    model = configured.strip()
    if model:
        return ModelChoice(model, model == DEMO_MODEL, "it is configured")
    table = {**dict(DEFAULT_MODELS), **(defaults or {})}
    for name, candidate in table.items():
        if environ.get(name, "").strip():
            return ModelChoice(candidate, candidate == DEMO_MODEL, f"{name} is set")
    known = ", ".join(table)
    return ModelChoice(DEMO_MODEL, True, f"no model is configured and no credentials were found (looked for {known})")


NO_KEY: Final = "none"
"""Sent where no key is set: clients want one, and local servers ignore it."""
MILLION: Final = 1_000_000
Price = Annotated[float, Meta(ge=0)]


class LocalServer(msgspec.Struct, frozen=True):
    """A server on the same machine. `variable`: environment name of its address. `path`: of its API at that address.
    `provider`: as whose LiteLLM calls its models."""

    name: str
    address: str
    variable: str
    path: str = "/v1"
    provider: str = "openai"

    @property
    def api_base(self) -> str:
        """Where it is looked for on this machine."""
        return self.address + self.path


LOCAL_SERVERS: Final = {
    "ollama": LocalServer("Ollama", "http://localhost:11434", "OLLAMA_API_BASE"),
    "ollama_chat": LocalServer("Ollama", "http://localhost:11434", "OLLAMA_API_BASE", "", "ollama_chat"),
    "vllm": LocalServer("vLLM", "http://localhost:8000", "VLLM_API_BASE"),
    "lm_studio": LocalServer("LM Studio", "http://localhost:1234", "LM_STUDIO_API_BASE"),
    "llamacpp": LocalServer("llama.cpp", "http://localhost:8080", "LLAMACPP_API_BASE"),
}
"""By the prefix of a model's name: `ollama/qwen3` is `qwen3` of Ollama, here or at the variable's address. All are called by
OpenAI's API, except for `ollama_chat/`: by Ollama's own."""

HUB_ROUTER: Final = "huggingface/"
"""Prefix of the models that the Hugging Face router serves; the session owner's token pays for them if there is one."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the catalog. What is not set comes from LiteLLM's table, or from `model.calls`."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="Model as LiteLLM names it, or PREFIX/NAME.")]
    label: Annotated[str, Meta(max_length=200, description="What people are shown.")] = ""
    api_base: Annotated[str, Meta(description="Base URL of an OpenAI-compatible API.")] = ""
    api_key: Annotated[str, Meta(description="API key.")] = ""
    context_limit: Annotated[int, Meta(ge=0, description="Tokens of context; 0: as LiteLLM's table says.")] = 0
    input_usd: Annotated[Price | None, Meta(description="US dollars for a million input tokens.")] = None
    output_usd: Annotated[Price | None, Meta(description="US dollars for a million output tokens.")] = None
    reasoning_effort: Annotated[
        Effort, Meta(description="How long it thinks before it answers; empty: as it likes.")
    ] = ""
    tools: Annotated[
        bool, Meta(description="Whether it is offered tools; a server may refuse requests with tools.")
    ] = True
    images: Annotated[
        bool | None,
        Meta(
            description="Whether it sees images; null: as LiteLLM's table says, and where that knows nothing it is tried."
        ),
    ] = None
    at_once: Annotated[
        int, Meta(ge=0, le=10_000, description="Calls that may run at once, further ones wait; 0: no bound.")
    ] = 0


OWN_ADDRESS: Final = frozenset(
    {"azure", "azure_ai", "azure_text", "databricks", "hosted_vllm", "litellm_proxy", "snowflake", "watsonx"}
)
"""Providers without an address for everybody: the key in their environment variable is for the operator's address."""


class Address(msgspec.Struct, frozen=True):
    """An address and the key for it; either may be empty."""

    api_base: str = ""
    api_key: str = ""


NO_ADDRESS: Final = Address()


class Route(msgspec.Struct, frozen=True):
    """How a model is called: its name for LiteLLM, and its address and key if they are not the usual ones."""

    model: str
    api_base: str = ""
    api_key: str = ""


class Catalog:
    """The offered models by name. Models that are not listed have an empty entry."""

    def __init__(self, entries: list[str | ModelEntry]) -> None:
        models = [ModelEntry(name=entry) if isinstance(entry, str) else entry for entry in entries]
        self._entries = {model.name: model for model in models}

    @property
    def names(self) -> list[str]:
        """The names, in the order of the settings."""
        return list(self._entries)

    def entry(self, model: str) -> ModelEntry:
        """The model's entry, or an empty one."""
        return self._entries.get(model) or ModelEntry(name=model)

    def route(
        self, model: str, environ: Mapping[str, str] = os.environ, usual: Address = NO_ADDRESS, hub_token: str = ""
    ) -> Route:
        """How to call the model. `environ`: where the addresses of local servers may be set. `usual`: the address and key
        of `model.calls`, if they are for this model. `hub_token`: the session owner's, for the Hugging Face router.

        A key is never sent to an address that it is not for: an address of the operator's gets the operator's key for it,
        or none.
        """
        entry = self.entry(model)
        prefix, slash, name = model.partition("/")
        local = LOCAL_SERVERS.get(prefix) if slash else None
        base = entry.api_base or usual.api_base
        key = entry.api_key or ("" if entry.api_base else usual.api_key)
        if local is None:
            if not base:
                return Route(model, "", (hub_token if model.startswith(HUB_ROUTER) else "") or key)
            sends_own = prefix in OWN_ADDRESS and not entry.api_base
            return Route(model, base, key or ("" if sends_own else NO_KEY))
        base = _of_api(local, base or environ.get(local.variable, "") or local.api_base)
        return Route(f"{local.provider}/{name}", base, key or NO_KEY)

    def address(self, model: str, configured: str | None, usual: Address) -> Address:
        """The address and key of `model.calls` for this model: those of the provider of the `configured` model, and none for
        others. A model with a key of its own is called at its provider's address. `configured`: None: for every model.
        """
        if configured is None or model == configured:
            return usual
        provider, slash, _ = model.partition("/")
        same = bool(slash) and provider == configured.partition("/")[0]
        return usual if same and not self.entry(model).api_key else NO_ADDRESS

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """The price of a call in US dollars by the entry's own prices; None if it has none."""
        entry = self.entry(model)
        if entry.input_usd is None or entry.output_usd is None:
            return None
        return (input_tokens * entry.input_usd + output_tokens * entry.output_usd) / MILLION


def _of_api(server: LocalServer, api_base: str) -> str:
    """The address with the path of the API: some programs want `OLLAMA_API_BASE` with that of OpenAI's API, others without."""
    if not server.path:
        return api_base.rstrip("/").removesuffix("/v1")
    return api_base if urlsplit(api_base).path.strip("/") else f"{api_base.rstrip('/')}{server.path}"
