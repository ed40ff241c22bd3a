"""Workspace upload: copies files of the session's workspace on the server to its remote sandbox."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Protocol

from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import FileStart, SandboxError, SandboxLost
from agent.workspace.workspace import Workspace


class UploadTarget(Protocol):
    """The sandbox that files are uploaded to."""

    async def read(self, path: str, most: int) -> FileStart:
        """The first `most` bytes of a file. Raises SandboxError if there is none."""

    async def write(self, path: str, data: bytes) -> bool:
        """Write a file."""


class WorkspaceUpload:
    """Uploads new and changed files, by their modification time. A file that the sandbox has already is not overwritten at first."""

    def __init__(self, workspace: Workspace, disk: DiskExecutor) -> None:
        self._workspace = workspace
        self._disk = disk
        self._uploaded: dict[str, int] = {}
        self._lock = asyncio.Lock()

    def reset(self) -> None:
        """Forget what was uploaded: the sandbox is another one."""
        self._uploaded.clear()

    async def run(self, target: UploadTarget) -> None:
        """Upload what is new or has changed since the last run. Raises SandboxError."""
        async with self._lock:
            for path, changed_at in (await self._disk.run_beside(self._modification_times)).items():
                known = self._uploaded.get(path)
                if known != changed_at and (known is not None or not await self._has(target, path)):
                    await target.write(path, await self._disk.run_beside(partial(self._read, path)))
                self._uploaded[path] = changed_at

    def _modification_times(self) -> dict[str, int]:
        entries, _ = self._workspace.listing(".", True)
        times: dict[str, int] = {}
        for entry in entries:
            if entry.kind == "file":
                with suppress(FileNotFoundError):
                    times[entry.path] = (self._workspace.root / entry.path).lstat().st_mtime_ns
        return times

    def _read(self, path: str) -> bytes:
        with self._workspace.open(path) as file:
            return file.read()

    async def _has(self, target: UploadTarget, path: str) -> bool:
        try:
            await target.read(path, 1)
        except SandboxLost:
            raise
        except SandboxError:
            return False
        return True
