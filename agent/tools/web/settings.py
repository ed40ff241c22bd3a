"""Every setting and limit of `web_fetch`, with its unit and default."""

from typing import Annotated

from msgspec import Meta, field

from agent.util.settings import SettingsGroup


class WebSettings(SettingsGroup, frozen=True, kw_only=True):
    """The tool `web_fetch`: what it may reach, how long it may take, and how much it reads and shows."""

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
    redirects_max: Annotated[
        int, Meta(ge=0, le=20, description="Redirects that one fetch follows; more: it is refused.")
    ] = 5
    follow_to_other_hosts: Annotated[
        bool, Meta(description="Follow a redirect to another host; else the model is told where it leads.")
    ] = False
    timeout_s: Annotated[float, Meta(gt=0, le=600, description="How long one fetch may take, redirects included.")] = (
        30.0
    )
    read_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long connecting may take, and each silence of the server.")
    ] = 10.0
    at_once_max: Annotated[
        int, Meta(ge=1, le=1_000, description="Fetches at once, of all sessions; more wait their turn.")
    ] = 16
    body_bytes_max: Annotated[
        int, Meta(ge=1_024, le=2**28, description="How much of an answer is read, after decompression.")
    ] = 2_097_152
    save_bytes_max: Annotated[
        int, Meta(ge=1_024, le=2**28, description="Largest answer that is saved; more: the call is refused.")
    ] = 33_554_432
    readable_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long making Markdown of a page may take; then plain text is shown.")
    ] = 10.0
    readable_memory_bytes: Annotated[
        int, Meta(ge=2**26, le=2**33, description="Memory for making Markdown of a page.")
    ] = 536_870_912
    readable_at_once_max: Annotated[
        int, Meta(ge=1, le=64, description="Pages made Markdown at once, of all sessions; more wait their turn.")
    ] = 2
    view_chars_max: Annotated[
        int, Meta(ge=1_000, le=10_000_000, description="Longest piece of a page shown by one call.")
    ] = 40_000
    kept_chars_max: Annotated[
        int,
        Meta(
            ge=0,
            le=2**28,
            description="Text of long pages that a session keeps, to go on by `offset` without fetching; 0: none.",
        ),
    ] = 2_097_152
