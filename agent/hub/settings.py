"""Hugging Face settings: addresses and prices of the tools that use the Hub."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, field

from agent.util.settings import SettingsGroup


class HubSettings(SettingsGroup, frozen=True, kw_only=True):
    """The tools `hf_search`, `hf_repo`, `hf_dataset` and `hf_jobs`: where they ask, and what its hardware costs."""

    tools: Annotated[bool, Meta(description="Whether sessions have the Hugging Face tools.")] = True
    endpoint: Annotated[
        str, Meta(description="Where the Hub is; empty: what `HF_ENDPOINT` says, else `https://huggingface.co`.")
    ] = ""
    datasets_server: Annotated[str, Meta(description="Where the Hub's dataset viewer answers `hf_dataset`.")] = (
        "https://datasets-server.huggingface.co"
    )
    usd_per_hour: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=100_000)]],
        Meta(description="Prices of hardware flavors that are not in agent/hub/flavors.json, or are no longer so."),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, url in (("endpoint", self.endpoint), ("datasets_server", self.datasets_server)):
            if url or name == "datasets_server":
                parts = urlsplit(url)
                if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
                    raise ValueError(f"{name}: {url!r} is no address; write `https://name`")
