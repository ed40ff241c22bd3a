"""Search settings: how large the index may be."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class SearchSettings(SettingsGroup, frozen=True, kw_only=True):
    """Search in the text of sessions."""

    text_bytes_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Bytes of text in the index, whose file takes about twice that; above, the sessions that were not used for longest are left out. 0: only titles are searched.",
        ),
    ] = 536_870_912
