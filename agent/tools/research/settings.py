"""Research settings: how far one call of the sub-agent `research` may go."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class ResearchSettings(SettingsGroup, frozen=True, kw_only=True):
    """The sub-agent `research`: its model and the bounds of one call. At a bound it reports what it has found."""

    enabled: Annotated[bool, Meta(description="Whether sessions have the tool `research`.")] = True
    model: Annotated[str, Meta(description="Model that does it; empty: the session's own.")] = ""
    tokens_max: Annotated[
        int,
        Meta(ge=1_000, le=100_000_000, description="Tokens its model calls take together; then it is told to report."),
    ] = 400_000
