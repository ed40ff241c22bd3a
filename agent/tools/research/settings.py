"""Research settings: how far one call of the sub-agent `research` may go."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class ResearchSettings(SettingsGroup, frozen=True, kw_only=True):
    """The sub-agent `research`: its model and the bounds of one call. At a bound it reports what it has found."""

    enabled: Annotated[bool, Meta(description="Whether sessions have the tool `research`.")] = True
    model: Annotated[str, Meta(description="Model that does it; empty: the session's own.")] = ""
    model_calls_max: Annotated[
        int, Meta(ge=2, le=1_000, description="Model calls of one call; in the last it is told to report.")
    ] = 20
    tokens_max: Annotated[
        int,
        Meta(ge=1_000, le=100_000_000, description="Tokens its model calls take together; then it is told to report."),
    ] = 400_000
    time_max_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long one call takes; then it ends with what it has said.")
    ] = 480.0
