"""Redaction settings: which secrets are kept out of events."""

from typing import Annotated

from msgspec import Meta, field

from agent.redaction.patterns import parse_pattern
from agent.util.settings import SettingsGroup


class RedactionSettings(SettingsGroup, frozen=True, kw_only=True):
    """What is redacted in events. Logs are always redacted. Raises ValueError for a pattern of another form."""

    enabled: Annotated[
        bool, Meta(description="Replace secrets by a marker before anything is stored, shown or sent to a model.")
    ] = True
    extra_patterns: Annotated[
        dict[str, str],
        Meta(description="Formats of your own secrets: name to `prefix[A-Za-z0-9]{20,}`, a prefix and one class."),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in self.extra_patterns.items():
            parse_pattern(name, text)
