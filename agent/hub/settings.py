"""Hugging Face settings: addresses, timeouts and limits of the tools that use the Hub."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, field

from agent.util.settings import SettingsGroup


class HubSettings(SettingsGroup, frozen=True, kw_only=True):
    """The tools `hf_search`, `hf_repo`, `hf_dataset` and `hf_jobs`: where they ask, how long, and how much they take."""

    tools: Annotated[bool, Meta(description="Whether sessions have the Hugging Face tools.")] = True
    endpoint: Annotated[
        str, Meta(description="Where the Hub is; empty: what `HF_ENDPOINT` says, else `https://huggingface.co`.")
    ] = ""
    datasets_server: Annotated[str, Meta(description="Where the Hub's dataset viewer answers `hf_dataset`.")] = (
        "https://datasets-server.huggingface.co"
    )
    timeout_s: Annotated[float, Meta(gt=0, le=600, description="How long one question to the Hub may take.")] = 30.0
    upload_bytes_max: Annotated[
        int,
        Meta(
            ge=1,
            le=2**30,
            description="Largest file `hf_repo` uploads, none above `workspace.read_bytes_max`; more: refused.",
        ),
    ] = 8_388_608
    job_timeout_s: Annotated[
        int, Meta(ge=1, le=604_800, description="How long a job may run where the model does not say.")
    ] = 1_800
    job_timeout_max_s: Annotated[
        int, Meta(ge=1, le=604_800, description="How long a job may run at most; more: the call is refused.")
    ] = 86_400
    follow_s: Annotated[
        float, Meta(ge=0, le=86_400, description="How long a job's logs are followed; then the job runs on alone.")
    ] = 480.0
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
        if self.job_timeout_s > self.job_timeout_max_s:
            raise ValueError("job_timeout_s must not be above job_timeout_max_s")
