"""The models a server offers: names, and for each what differs from all others: where it is, what it holds, what it costs."""

import os
from collections.abc import Mapping
from typing import Annotated, Final

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
"""Environment name of a credential, and the model it brings; the first that is set wins. HF_TOKEN is last, because it
is often set for other work."""


class ModelChoice(msgspec.Struct, frozen=True):
    """The model, whether it is the demo, and why in words for the log."""

    model: str
    demo: bool
    reason: str


def choose_model(configured: str, environ: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> ModelChoice:
    """The configured model if there is one, else by credentials, else the demo.

    `defaults` (credential name to model) changes the model of a credential that the built-in table has and adds others
    behind it.
    """
    model = configured.strip()
    if model:
        return ModelChoice(model, model == DEMO_MODEL, "it was asked for")
    table = {**dict(DEFAULT_MODELS), **(defaults or {})}
    for name, candidate in table.items():
        if environ.get(name, "").strip():
            return ModelChoice(candidate, candidate == DEMO_MODEL, f"{name} is set")
    known = ", ".join(table)
    return ModelChoice(DEMO_MODEL, True, f"no model was named and no credentials were found (looked for {known})")


MILLION: Final = 1_000_000
Price = Annotated[float, Meta(ge=0)]


class LocalServer(msgspec.Struct, frozen=True):
    """A server on one's own machine that speaks OpenAI's chat completions."""

    name: str
    api_base: str
    variable: str


LOCAL_SERVERS: Final = {
    "ollama": LocalServer("Ollama", "http://localhost:11434/v1", "OLLAMA_API_BASE"),
    "vllm": LocalServer("vLLM", "http://localhost:8000/v1", "VLLM_API_BASE"),
    "lm_studio": LocalServer("LM Studio", "http://localhost:1234/v1", "LM_STUDIO_API_BASE"),
    "llamacpp": LocalServer("llama.cpp", "http://localhost:8080/v1", "LLAMACPP_API_BASE"),
}
"""By the prefix of a model's name: `ollama/qwen3` is `qwen3` on the Ollama of this machine, or of the variable's address."""

HUB_ROUTER: Final = "huggingface/"
"""Models that the Hugging Face router serves; the owner's own token pays for them where there is one."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the list. What is left out is taken from LiteLLM's table, or from `model.calls`."""

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


class Route(msgspec.Struct, frozen=True):
    """How a model is called: its name for LiteLLM, and the address and key where they are not the usual ones."""

    model: str
    api_base: str = ""
    api_key: str = ""


class Catalog:
    """The list, by name. Also answers for names that are not in it."""

    def __init__(self, entries: list[str | ModelEntry]) -> None:
        named = [ModelEntry(name=one) if isinstance(one, str) else one for one in entries]
        self._entries = {one.name: one for one in named}

    @property
    def names(self) -> list[str]:
        """In the list's order."""
        return list(self._entries)

    def entry(self, model: str) -> ModelEntry:
        """The model's entry, or an empty one."""
        return self._entries.get(model) or ModelEntry(name=model)

    def route(self, model: str, environ: Mapping[str, str] = os.environ) -> Route:
        """How to call it."""
        entry = self.entry(model)
        prefix, slash, name = model.partition("/")
        local = LOCAL_SERVERS.get(prefix) if slash else None
        if local is None:
            # No other address's key is sent to this one.
            return Route(model, entry.api_base, entry.api_key or ("none" if entry.api_base else ""))
        # The client wants a key; these servers do not look at it unless they were given one.
        base = entry.api_base or environ.get(local.variable, "") or local.api_base
        return Route(f"openai/{name}", base, entry.api_key or "none")

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """The price of a call by the list's own prices, in US dollars; None if it has none for this model."""
        entry = self.entry(model)
        if entry.input_usd is None or entry.output_usd is None:
            return None
        return (input_tokens * entry.input_usd + output_tokens * entry.output_usd) / MILLION
