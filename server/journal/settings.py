"""Journal settings: where events are stored, and how safely."""

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

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
        Meta(
            description="What a stored event survives. `process`: a killed server; `power`: also a power failure. PostgreSQL: always `power`."
        ),
    ] = "process"
    url: Annotated[
        str,
        Meta(
            description="PostgreSQL database of the journal, `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; empty: SQLite in `journal.data`. "
            "Experimental: one server for each database, unless `nodes.several` is set."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("postgresql://", "postgres://")):
            raise ValueError(
                "url (HOLDFAST_JOURNAL_URL) is no address of PostgreSQL: write postgresql://USER@HOST/DATABASE"
            )

    @property
    def passwords(self) -> list[str]:
        """The password in `url`, as it is and as it is written there; nothing without one."""
        written = urlsplit(self.url).password if self.url else None
        query = parse_qs(urlsplit(self.url).query).get("password", []) if self.url else []
        return list(dict.fromkeys([*([written, unquote(written)] if written else []), *query]))

    @property
    def folder(self) -> Path:
        """The data folder; `~` is the user's home, a relative path starts at the working folder."""
        return Path(self.data).expanduser()
