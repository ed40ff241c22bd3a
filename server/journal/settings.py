"""Journal settings: where events are stored, and how safely."""

from pathlib import Path
from typing import Annotated, Literal
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
            "One server for each database, unless `nodes.several` is set. Experimental: docs/deployment.md says in which sense."
        ),
    ] = ""
    direct_url: Annotated[
        str,
        Meta(
            description="The same database without the pooler (such as PgBouncer) that `journal.url` names: what is stored goes there, "
            "and what is read through the pooler. Empty: all goes to `journal.url`, which then is no pooler."
        ),
    ] = ""
    notify: Annotated[
        Literal["on", "off"],
        Meta(
            description="With `nodes.several`: `on`: servers tell one another at once what they stored, by NOTIFY. `off`: each looks once a "
            "second, where LISTEN and NOTIFY cannot be had."
        ),
    ] = "on"

    def __post_init__(self) -> None:
        for key, url in (("url", self.url), ("direct_url", self.direct_url)):
            if url and not url.startswith(("postgresql://", "postgres://")):
                raise ValueError(
                    f"{key} (HOLDFAST_JOURNAL_{key.upper()}) is no address of PostgreSQL: write postgresql://USER@HOST/DATABASE"
                )
        if self.direct_url and not self.url:
            raise ValueError(
                "direct_url goes past the pooler of url (HOLDFAST_JOURNAL_URL), which is empty: name it there"
            )

    @property
    def direct(self) -> str:
        """The address without a pooler; empty: SQLite."""
        return self.direct_url or self.url

    @property
    def passwords(self) -> list[str]:
        """The passwords in the addresses, as they are and as they are written there; nothing without one."""
        return list(dict.fromkeys([*_passwords(self.url), *_passwords(self.direct_url)]))

    @property
    def folder(self) -> Path:
        """The data folder; `~` is the user's home, a relative path starts at the working folder."""
        return Path(self.data).expanduser()


def _passwords(url: str) -> list[str]:
    if not url:
        return []
    parts = urlsplit(url)
    written = parts.password
    return [*([written, unquote(written)] if written else []), *parse_qs(parts.query).get("password", [])]
