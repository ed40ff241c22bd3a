"""Export settings: whether finished sessions are saved in their owners' datasets."""

import re
from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup

REPO = re.compile(r"\{user\}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")


class ExportSettings(SettingsGroup, frozen=True, kw_only=True):
    """Whether and how finished sessions are kept in their owners' private datasets. Raises ValueError for another's dataset."""

    save_sessions: Annotated[
        bool, Meta(description="Upload each session that fell asleep or was shut down, with its owner's token.")
    ] = False
    session_dataset_repo: Annotated[
        str, Meta(description="The dataset: `{user}` is the owner's name on the Hub. Made private if it is not there.")
    ] = "{user}/holdfast-sessions"

    def __post_init__(self) -> None:
        if REPO.fullmatch(self.session_dataset_repo) is None:
            raise ValueError(
                f"session_dataset_repo: {self.session_dataset_repo!r} is not `{{user}}/name`: "
                "each owner's sessions go into a dataset of their own"
            )
