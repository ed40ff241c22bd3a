"""The files of a session on this machine: its workspace as the tools see it, whatever runs commands beside it."""

import asyncio

from agent.sandbox.search import search_here
from agent.sandbox.settings import SandboxSettings
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import Entry, FileStart, SandboxError, SearchRequest, SearchResult
from agent.workspace.workspace import Workspace


class LocalFiles:
    """The workspace, off the event loop, one piece of work at a time; what is cancelled leaves nothing half done."""

    def __init__(self, workspace: Workspace, settings: SandboxSettings, disk: DiskExecutor | None = None) -> None:
        self._workspace = workspace
        self._settings = settings
        self._disk = disk or DiskExecutor()
        self._closed = False

    async def read(self, path: str) -> FileStart:
        return await self._disk.run(lambda _: self._workspace.read(path))

    async def write(self, path: str, data: bytes) -> bool:
        # What one call of `write` may write is that tool's bound; others put larger files here, as clients do.
        most = self._workspace.limits.upload_bytes_max
        return await self._disk.run(lambda stop: self._workspace.write(path, data, stop, most=most))

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return await self._disk.run(lambda _: self._workspace.listing(path, recursive))

    async def search(self, wanted: SearchRequest) -> SearchResult:
        try:
            root = await asyncio.to_thread(self._workspace.open_root)
        except FileNotFoundError:
            return SearchResult(())
        return await search_here(root, wanted, self._settings)

    def refuse_closed(self) -> None:
        """Raises SandboxError once it is closed."""
        if self._closed:
            raise SandboxError("the session's sandbox is closed")

    async def close(self) -> None:
        """Wait until the disk is left alone."""
        self._closed = True
        await self._disk.aclose()
