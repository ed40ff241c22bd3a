"""Which model answers when nobody said: the first whose credentials are there, else the demo. Pure."""

from collections.abc import Mapping

import msgspec

from agent.models.types import DEMO_MODEL

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


class Choice(msgspec.Struct, frozen=True):
    """The model, whether it is the demo, and why in words for the log."""

    model: str
    demo: bool
    reason: str


def choose_model(configured: str, environ: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> Choice:
    """The configured model if there is one, else by credentials, else the demo.

    `defaults` (credential name to model) changes the model of a credential that the built-in table has and adds others
    behind it.
    """
    model = configured.strip()
    if model:
        return Choice(model, model == DEMO_MODEL, "it was asked for")
    table = {**dict(DEFAULT_MODELS), **(defaults or {})}
    for name, candidate in table.items():
        if environ.get(name, "").strip():
            return Choice(candidate, candidate == DEMO_MODEL, f"{name} is set")
    known = ", ".join(table)
    return Choice(DEMO_MODEL, True, f"no model was named and no credentials were found (looked for {known})")
