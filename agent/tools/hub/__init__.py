"""The tools for the Hugging Face Hub, with the token of a session's owner and no other."""

from agent.tools.hub.dataset import DatasetTool
from agent.tools.hub.hub import Hub
from agent.tools.hub.search import SearchTool
from agent.tools.hub.settings import HubSettings
from agent.tools.hub.threads import HubThreads
from agent.tools.tool import Tool
from agent.tools.workspace import Workspace

__all__ = ["HubSettings", "HubThreads", "hub_tools"]


def hub_tools(settings: HubSettings, threads: HubThreads, token: str | None, workspace: Workspace) -> list[Tool]:
    """A session's Hugging Face tools. `token`: its owner's, or None."""
    hub = Hub(settings, threads, token)
    return [SearchTool(hub), DatasetTool(hub)]
