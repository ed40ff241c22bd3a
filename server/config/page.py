"""Page settings: what the web client may load from other sites."""

from typing import Annotated

from msgspec import Meta, field

from agent.util.settings import SettingsGroup
from server.util.hosts import parse_origin


class PageSettings(SettingsGroup, frozen=True, kw_only=True):
    """The web client at `/`. Raises ValueError for a source that is no origin."""

    image_sources: Annotated[
        list[str],
        Meta(
            description="Origins whose images are shown in answers, such as `https://huggingface.co`; all others are "
            "shown as links, since loading one tells its site what a model wrote."
        ),
    ] = field(default_factory=list)

    def __post_init__(self) -> None:
        for source in self.image_sources:
            if parse_origin(source) is None:
                raise ValueError(f"image_sources: {source!r} is no origin; write `https://name` or `https://name:port`")
