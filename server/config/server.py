"""Server settings: where the server listens, how it logs, starts and stops."""

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from agent.util.settings import SettingsGroup
from server.util.hosts import Network, parse_network
from server.util.public_url import PublicUrl, parse_public_url

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

OWN_NAMES: Final = frozenset(
    {
        "ag-ui",
        "ahp",
        "api",
        "asyncapi.json",
        "auth",
        "livez",
        "metrics",
        "openapi.json",
        "readyz",
        "s",
        "schema.json",
        "static",
        "v1",
        "ws",
    }
)
"""Names with which the server's own paths begin: below them nobody could tell its paths from those of a public URL."""


class ServerSettings(SettingsGroup, frozen=True, kw_only=True):
    """Where the server listens and how it starts, speaks and stops."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address or name to listen on. `127.0.0.1` and `localhost` mean `::1` too."),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="TCP port; 0: any free one.")] = 7860
    log_level: Annotated[LogLevel, Meta(description="What is worth a line of log on standard error.")] = "info"
    log_format: Annotated[
        LogFormat, Meta(description="`text`: a line for a person; `json`: an object a line, for a log collector.")
    ] = "text"
    access_log: Annotated[bool, Meta(description="Log a line for each HTTP request and each socket.")] = False
    graceful_shutdown_s: Annotated[
        float, Meta(ge=0, le=3_600, description="How long a stop waits for sockets and requests; then they are cut.")
    ] = 10.0
    preload_model: Annotated[
        bool, Meta(description="Load the model library in the background at start-up, not at the first turn.")
    ] = True
    public_url: Annotated[
        str,
        Meta(
            description="Where browsers reach the server through a proxy, such as `https://box.example` or "
            "`https://box.example/agent`; else empty."
        ),
    ] = ""
    space_host: Annotated[
        str, Meta(description="Name of the Hugging Face Space that this is; then `public_url` is `https://` and this.")
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Addresses and networks of proxies whose `X-Forwarded-For|Proto|Host` are believed."),
    ] = field(default_factory=list)

    @property
    def public(self) -> PublicUrl | None:
        """Where browsers reach the server through a proxy, if they do."""
        return parse_public_url(self._public_text)

    @property
    def public_address(self) -> str:
        """The same as text, without a slash at its end; empty where there is none."""
        return str(self.public or "")

    @property
    def _public_text(self) -> str:
        return self.public_url or (f"https://{self.space_host}" if self.space_host else "")

    @property
    def networks(self) -> list[Network]:
        """The trusted proxies, as networks."""
        return [network for text in self.trusted_proxies if (network := parse_network(text)) is not None]

    def __post_init__(self) -> None:
        if self._public_text and self.public is None:
            key = "public_url" if self.public_url else "space_host"
            raise ValueError(f"{key}: {self._public_text!r} is no address; write `https://name` or `https://name/path`")
        if self.public is not None and self.public.below.removeprefix("/").partition("/")[0] in OWN_NAMES:
            raise ValueError(
                f"public_url: the server has paths of its own below {self.public.path!r}; take another path"
            )
        for text in self.trusted_proxies:
            if parse_network(text) is None:
                raise ValueError(f"trusted_proxies: {text!r} is neither an address nor a network such as 10.0.0.0/8")
