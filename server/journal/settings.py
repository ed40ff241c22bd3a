"""Journal settings: where events are stored, and how safely."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup
from server.journal.schema import Durability


class JournalSettings(SettingsGroup, frozen=True, kw_only=True):
    """Where events are stored, and how safely."""

    data: Annotated[
        str,
        Meta(
            min_length=1,
            description="Data folder, with the journal and the sessions' workspaces. It is made if it is missing.",
        ),
    ] = "./data"
    durability: Annotated[
        Durability,
        Meta(description="What a stored event survives. `process`: a killed server; `power`: also a power failure."),
    ] = "process"

    @property
    def folder(self) -> Path:
        """The data folder; `~` is the user's home, a relative path starts at the working folder."""
        return Path(self.data).expanduser()
