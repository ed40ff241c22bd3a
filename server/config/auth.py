"""Authentication settings: who may come in, from where, and how long a login lasts."""

from typing import Annotated, Literal

from msgspec import Meta, field

from agent.util.settings import SettingsGroup
from server.util.hosts import Authority, parse_authority, parse_origin


class OauthSettings(SettingsGroup, frozen=True, kw_only=True):
    """Login by OpenID Connect; the environment names are those that Hugging Face gives a Space. Needs `auth.mode` `oauth`."""

    provider_url: Annotated[
        str, Meta(description="The provider; it says the rest at `/.well-known/openid-configuration`.")
    ] = "https://huggingface.co"
    client_id: Annotated[str, Meta(description="Name of this server at the provider.")] = ""
    client_secret: Annotated[str, Meta(description="Its secret; empty for a public client, which PKCE protects.")] = ""
    scopes: Annotated[str, Meta(description="What is asked for, separated by spaces; `openid` always is.")] = (
        "openid profile"
    )

    def __post_init__(self) -> None:
        origin = parse_origin(self.provider_url.rstrip("/").partition("://")[0] + "://" + self.host)
        if origin is None or (origin.scheme != "https" and not Authority(origin.host, None).loopback):
            raise ValueError(f"provider_url: {self.provider_url!r} must be an https address")

    @property
    def host(self) -> str:
        """The provider's host, and its port where one is said."""
        return self.provider_url.partition("://")[2].partition("/")[0]


class BearerSettings(SettingsGroup, frozen=True, kw_only=True):
    """Hugging Face tokens as credentials. Needs `auth.mode` `bearer`."""

    endpoint: Annotated[
        str, Meta(description="The Hub that knows the tokens; empty: `HF_ENDPOINT`, or the real one.")
    ] = ""


class AuthSettings(SettingsGroup, frozen=True, kw_only=True):
    """Who gets in, and from where. Raises ValueError for an entry that could never match."""

    mode: Annotated[
        Literal["local", "tokens", "oauth", "bearer"],
        Meta(
            description="`local`: one user on this machine, by a token made at first start; `tokens`: API tokens "
            "(`holdfast token add`); `oauth`: login at an OpenID provider, and API tokens; `bearer`: Hugging Face tokens."
        ),
    ] = "local"
    local_token: Annotated[
        bool, Meta(description="Whether local mode asks for its token; without, every program here may use the server.")
    ] = True
    local_hf_token: Annotated[
        str,
        Meta(
            description="Hugging Face token of local mode's one user, for their tools and models; empty: they have none."
        ),
    ] = ""
    tokens_file: Annotated[
        str,
        Meta(
            description="File of the API tokens' hashes; empty: `tokens.json` in the data folder, or the database of `journal.url`."
        ),
    ] = ""
    allowed_hosts: Annotated[
        list[str],
        Meta(description="Names a request's Host may say besides loopback ones, such as `box.lan` or `box.lan:8080`."),
    ] = field(default_factory=list)
    allowed_origins: Annotated[
        list[str],
        Meta(description="Origins whose pages may connect besides the server's own, such as `https://box.lan`."),
    ] = field(default_factory=list)
    frame_ancestors: Annotated[
        list[str], Meta(description="Origins whose pages may show the server's page in a frame; empty: none.")
    ] = field(default_factory=list)
    allowed_users: Annotated[
        list[str], Meta(description="Ids of the users who may come in by `oauth` and `bearer`; empty: everyone.")
    ] = field(default_factory=list)
    admins: Annotated[
        list[str], Meta(description="Ids of the users of `oauth` and `bearer` with the rights `admin` and `metrics`.")
    ] = field(default_factory=list)
    secret: Annotated[
        str,
        Meta(description="Encrypts what logins keep; empty: a key made in the file `secret.key` of the data folder."),
    ] = ""
    same_site: Annotated[
        Literal["auto", "strict", "lax", "none"],
        Meta(description="Of the login cookie. `none`: the page sits in another site's frame; `auto`: so in a Space."),
    ] = "auto"
    login_s: Annotated[float, Meta(ge=1, le=31_536_000, description="How long a browser's login lasts.")] = 604_800.0
    failures_per_minute: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Wrong credentials a minute from one address; more: HTTP 429.")
    ] = 60
    oauth: OauthSettings = field(default_factory=OauthSettings)
    bearer: BearerSettings = field(default_factory=BearerSettings)

    def __post_init__(self) -> None:
        if self.mode == "oauth" and not self.oauth.client_id:
            raise ValueError("oauth.client_id is needed in mode `oauth` (OAUTH_CLIENT_ID): register at the provider")
        for host in self.allowed_hosts:
            if parse_authority(host) is None:
                raise ValueError(f"allowed_hosts: {host!r} is no host name; write `name` or `name:port`")
        for key, origins in (("allowed_origins", self.allowed_origins), ("frame_ancestors", self.frame_ancestors)):
            for origin in origins:
                if parse_origin(origin) is None:
                    raise ValueError(f"{key}: {origin!r} is no origin; write `https://name` or `https://name:port`")
