"""The body's tools: puts together what one session may use, from the settings and its owner's rights."""

import asyncio
import shutil
from pathlib import Path

from agent.tools import ToolRouter, Workspace, workspace_tools
from server.journal.base import SessionRow
from server.known_secrets import KnownSecrets
from server.settings import Settings


class Toolbox:
    """Makes each session's ToolRouter when it wakes, and takes its workspace away when it is deleted."""

    def __init__(self, settings: Settings, known_secrets: KnownSecrets) -> None:
        self._settings = settings
        self._known_secrets = known_secrets

    def names(self) -> list[str]:
        """The tools that every session has."""
        return [tool.name for tool in workspace_tools(Path(), self._settings.workspace)]

    def tools_for(self, row: SessionRow, hf_token: str | None) -> ToolRouter:
        """The session's tools, with its owner's Hugging Face token where one is known."""
        turn = self._settings.turn
        if hf_token:
            self._known_secrets.learn("Hugging Face token", hf_token)
        return ToolRouter(
            workspace_tools(self._folder(row.session_id), self._settings.workspace),
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

    def _folder(self, session_id: str) -> Path:
        return self._settings.journal.folder / "workspaces" / session_id
