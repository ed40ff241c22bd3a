"""Web settings: what `web_fetch` may reach."""

from typing import Annotated

from msgspec import Meta, field

from agent.util.settings import SettingsGroup


class WebSettings(SettingsGroup, frozen=True, kw_only=True):
    """The tool `web_fetch`: what it may reach."""

    tools: Annotated[bool, Meta(description="Whether sessions have `web_fetch`.")] = True
    allowed_hosts: Annotated[
        list[str],
        Meta(description="Hosts that may be fetched from, each with all names below it; empty: every public one."),
    ] = field(default_factory=list)
    denied_hosts: Annotated[
        list[str], Meta(description="Hosts that may not, each with all names below it; this goes before the above.")
    ] = field(default_factory=list)
    allow_private_networks: Annotated[
        bool,
        Meta(
            description="Reach loopback and private addresses too; link-local and metadata addresses stay out of reach."
        ),
    ] = False
    follow_to_other_hosts: Annotated[
        bool, Meta(description="Follow a redirect to another host; else the model is told where it leads.")
    ] = False
