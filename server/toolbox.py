"""The body's tools: puts together what one session may use, from the settings and its owner's rights."""

import asyncio
import shutil
from pathlib import Path

from agent.tools import Tool, ToolRouter, Workspace, workspace_tools
from agent.tools.hub import HubThreads, hub_tools
from server.journal.base import SessionRow
from server.known_secrets import KnownSecrets
from server.settings import Settings


class Toolbox:
    """Makes each session's ToolRouter when it wakes, and takes its workspace away when it is deleted."""

    def __init__(self, settings: Settings, known_secrets: KnownSecrets) -> None:
        self._settings = settings
        self._known_secrets = known_secrets
        self._hub_threads = HubThreads(settings.hub)

    def names(self) -> list[str]:
        """The tools that every session has."""
        return [tool.name for tool in self._tools(Path(), None)]

    def tools_for(self, row: SessionRow, hf_token: str | None) -> ToolRouter:
        """The session's tools, with its owner's Hugging Face token where one is known."""
        turn = self._settings.turn
        if hf_token:
            self._known_secrets.learn("Hugging Face token", hf_token)
        return ToolRouter(
            self._tools(self._folder(row.session_id), hf_token),
            max_output_chars=turn.tool_output_max_chars,
            timeout_s=turn.tool_timeout_s,
            redact=self._known_secrets.for_sessions.redact,
        )

    def workspace(self, session_id: str) -> Workspace:
        """The session's files on this machine."""
        return Workspace(self._folder(session_id), self._settings.workspace)

    async def forget(self, session_id: str) -> None:
        """The session was deleted: so are its files."""
        await asyncio.to_thread(shutil.rmtree, self._folder(session_id), ignore_errors=True)

    async def aclose(self) -> None:
        """No session is awake any more: end what their tools shared."""
        await self._hub_threads.aclose()

    def _tools(self, folder: Path, hf_token: str | None) -> list[Tool]:
        settings = self._settings
        tools = workspace_tools(folder, settings.workspace)
        if settings.hub.tools:
            tools += hub_tools(settings.hub, self._hub_threads, hf_token, Workspace(folder, settings.workspace))
        return tools

    def _folder(self, session_id: str) -> Path:
        return self._settings.journal.folder / "workspaces" / session_id
