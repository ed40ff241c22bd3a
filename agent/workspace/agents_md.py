"""What a project says to every agent that works on it: the file AGENTS.md of the workspace (https://agents.md)."""

import asyncio
from collections.abc import Callable

import msgspec

from agent.util.text import repair_surrogates
from agent.workspace.paths import WorkspaceError
from agent.workspace.workspace import Workspace

NAME = "AGENTS.md"


class ProjectNotes:
    """Reads the notes anew each time: they are the user's to change, and the agent's."""

    def __init__(self, workspace: Workspace, most_bytes: int, redact: Callable[[str], str] = str) -> None:
        self._workspace = Workspace(
            workspace.root, msgspec.structs.replace(workspace.limits, read_bytes_max=max(1, most_bytes))
        )
        self._most = most_bytes
        self._redact = redact

    async def read(self) -> str:
        """The notes without their secrets, cut at the bound; empty if there are none. A link is not followed."""
        if not self._most:
            return ""
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        try:
            found = self._workspace.read(NAME)
        except WorkspaceError:
            return ""
        text = self._redact(repair_surrogates(found.data.decode("utf-8", "replace"))).strip()
        left_out = found.size - len(found.data)
        return f"{text}\n[{NAME} is longer: {left_out} more bytes are left out]" if left_out and text else text
