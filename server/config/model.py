"""Model settings: which models answer, and what they are told first."""

from typing import Annotated

from msgspec import Meta, field

from agent.models.catalog import ModelEntry
from agent.models.settings import ModelSettings
from agent.util.settings import SettingsGroup


class ModelChoice(SettingsGroup, frozen=True, kw_only=True):
    """Which model answers, and how it is called."""

    model: Annotated[
        str, Meta(description="Model as LiteLLM names it, or `demo`; empty: by the credentials found, else the demo.")
    ] = ""
    models: Annotated[
        list[str | ModelEntry],
        Meta(description="Models offered to clients besides the one above: names, or objects that say more."),
    ] = field(default_factory=list)
    allow_other_models: Annotated[bool, Meta(description="Whether a client may set a model that is not offered.")] = (
        True
    )
    system_prompt: Annotated[str, Meta(description="What the model is told before the conversation.")] = (
        "You are a helpful assistant with tools. Say what you are about to do before you use a tool, "
        "and answer in short, clear sentences."
    )
    calls: ModelSettings = field(default_factory=ModelSettings)
