"""Model call settings: timeouts, retries, addresses and parameters."""

from typing import Annotated

import msgspec
from msgspec import Meta

from agent.util.settings import SettingsGroup

_RESERVED = frozenset(
    {"model", "messages", "tools", "stream", "stream_options", "max_retries", "num_retries", "fallbacks", "timeout"}
)

Seconds = Annotated[float, Meta(gt=0)]


class ModelSettings(SettingsGroup, frozen=True, kw_only=True):
    """How models are called. Raises ValueError for an `extra` that sets what the session decides."""

    first_token_timeout_s: Annotated[
        Seconds, Meta(description="Seconds a model may stay silent before its first token; then the call is retried.")
    ] = 120.0
    stall_timeout_s: Annotated[
        Seconds, Meta(description="Seconds a model may stay silent in the middle of an answer; then the call fails.")
    ] = 60.0
    max_retries: Annotated[
        int, Meta(ge=0, le=20, description="How often a call is made again when it failed before its first token.")
    ] = 3
    default_context_limit: Annotated[
        int, Meta(gt=0, description="Tokens of context of a model whose own limit is not known.")
    ] = 128_000
    api_base: Annotated[
        str, Meta(description="Base URL of the model's API; empty: the provider's own. Not used by the demo model.")
    ] = ""
    api_key: Annotated[
        str, Meta(description="API key; empty: the provider's own environment name, such as ANTHROPIC_API_KEY.")
    ] = ""
    direct_streams: Annotated[
        bool,
        Meta(
            description="Read the streams of most providers without LiteLLM's wrapper, at a tenth of its cost or less."
        ),
    ] = True
    defaults: Annotated[
        dict[str, str],
        Meta(
            description="Environment name of a credential to the model chosen when it is set; adds to the built-in table."
        ),
    ] = msgspec.field(default_factory=dict)
    extra: Annotated[
        dict[str, dict[str, object]],
        Meta(description='Parameters by model name ("*": all models) that are passed on, such as temperature.'),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for model, parameters in self.extra.items():
            taken = sorted(_RESERVED & parameters.keys())
            if taken:
                raise ValueError(f"extra[{model!r}] may not set {', '.join(taken)}: the session decides that")

    def parameters(self, model: str) -> dict[str, object]:
        """The `extra` parameters of this model, its own over those of all."""
        return {**self.extra.get("*", {}), **self.extra.get(model, {})}
