"""Model settings: which models answer, and what they are told first."""

from typing import Annotated

from msgspec import Meta, field

from agent.models.catalog import ModelEntry
from agent.models.names import refuse_name
from agent.models.settings import ModelSettings
from agent.util.settings import SettingsGroup


class ModelChoice(SettingsGroup, frozen=True, kw_only=True):
    """Which model answers, and how it is called. Raises ValueError for a name that may not be used."""

    model: Annotated[
        str, Meta(description="Model as LiteLLM names it, or `demo`; empty: by the credentials found, else the demo.")
    ] = ""
    models: Annotated[
        list[str | ModelEntry],
        Meta(description="Models offered to clients besides the one above: names, or objects that say more."),
    ] = field(default_factory=list)
    allow_other_models: Annotated[
        bool | None,
        Meta(description="Whether a client may set a model that is not offered; null: only in `auth.mode` `local`."),
    ] = None
    system_prompt: Annotated[str, Meta(description="What the model is told before the conversation.")] = (
        "You are a helpful assistant with tools. Say what you are about to do before you use a tool, "
        "and answer in short, clear sentences."
    )
    calls: ModelSettings = field(default_factory=ModelSettings)

    def __post_init__(self) -> None:
        listed = [entry if isinstance(entry, str) else entry.name for entry in self.models]
        for name in (self.model.strip(), *listed, *self.calls.defaults.values()):
            refused = refuse_name(name) if name else None
            if refused is not None:
                raise ValueError(f"{name!r} cannot be used: {refused}")
