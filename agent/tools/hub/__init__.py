"""Hugging Face tools: search, repositories, datasets and jobs of the Hub, each with the token of the session's owner alone.

Operation: what one call of a tool does, such as `run` of `hf_jobs`; each takes its own arguments.
Namespace: the user or organization that owns a repository or runs and pays a job.
Flavor: the hardware of a job, such as `cpu-basic`.
"""

from agent.hub.client import HubClient
from agent.hub.pools import HubThreads
from agent.hub.settings import HubSettings
from agent.tools.base import Tool
from agent.util.garbage import import_for_good
from agent.workspace.files import SessionFiles

_FOLLOW_PART = 0.8
"""Share of a call's time for following a job's logs; the rest is for requesting the job's final state."""

FOLLOW_S = 480.0
"""How long a job's logs are followed: that share of a call's time by default. Then the job runs on alone."""

HUB_TOOL_NAMES = ("hf_search", "hf_repo", "hf_dataset", "hf_jobs")
"""The names of all Hugging Face tools."""

__all__ = ["HUB_TOOL_NAMES", "HubClient", "HubSettings", "HubThreads", "hub_tools", "load_tools"]


def load_tools() -> None:
    """Import the tools' modules, so that no session waits for them. Blocks."""
    import_for_good(*(f"{__name__}.{name}" for name in ("dataset", "jobs", "repo", "search")))


def hub_tools(hub: HubClient, files: SessionFiles, timeout_s: float) -> list[Tool]:
    """A session's Hugging Face tools. `files`: the session's. `timeout_s`: after which a call is cancelled."""
    # Imported behind the start (`load_tools`), or with the first session that has tools: a start needs none of them.
    from agent.tools.hub.dataset import DatasetTool
    from agent.tools.hub.jobs import JobsTool
    from agent.tools.hub.repo import RepoTool
    from agent.tools.hub.search import SearchTool

    follow_max_s = min(FOLLOW_S, timeout_s * _FOLLOW_PART)
    return [SearchTool(hub), RepoTool(hub, files), DatasetTool(hub), JobsTool(hub, follow_max_s)]
