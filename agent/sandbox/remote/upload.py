"""Files that somebody put into the session's workspace on the server, brought to the sandbox elsewhere that runs its commands."""

import asyncio
from contextlib import suppress
from typing import Protocol

from agent.workspace.files import FileStart, SandboxError, SandboxLost
from agent.workspace.workspace import Workspace


class UploadTarget(Protocol):
    """Where they are brought."""

    async def read(self, path: str, most: int) -> FileStart:
        """The beginning of a file; SandboxError if there is none."""

    async def write(self, path: str, data: bytes) -> bool:
        """Put a file there."""


class WorkspaceUpload:
    """What was brought, by its time of change. What a sandbox that was found again has already stays as it is there."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._brought: dict[str, int] = {}
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """The sandbox is another one."""
        self._brought.clear()

    async def bring(self, shelf: UploadTarget) -> None:
        """Whatever is new or has changed since the last time. Raises SandboxError."""
        async with self._lock:
            for path, changed_at in (await asyncio.to_thread(self._there)).items():
                known = self._brought.get(path)
                if known != changed_at and (known is not None or not await self._has(shelf, path)):
                    await shelf.write(path, await asyncio.to_thread(self._read, path))
                self._brought[path] = changed_at

    def _there(self) -> dict[str, int]:
        entries, _ = self._workspace.listing(".", True)
        found: dict[str, int] = {}
        for entry in entries:
            if entry.kind == "file":
                with suppress(FileNotFoundError):
                    found[entry.path] = (self._workspace.root / entry.path).lstat().st_mtime_ns
        return found

    def _read(self, path: str) -> bytes:
        with self._workspace.open(path) as file:
            return file.read()

    async def _has(self, shelf: UploadTarget, path: str) -> bool:
        try:
            await shelf.read(path, 1)
        except SandboxLost:
            raise
        except SandboxError:
            return False
        return True
