"""Local files: a session's workspace on this machine as its tools use it."""

import time

from agent.sandbox.local.process_places import ProcessPlaces
from agent.sandbox.search import SEARCH_TIMEOUT_S, search_here
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import Entry, FileStart, SandboxError, SearchRequest, SearchResult
from agent.workspace.workspace import Workspace


class LocalFiles:
    """The workspace's files, accessed in threads, one access at a time; a cancelled write leaves nothing half done."""

    def __init__(self, workspace: Workspace, disk: DiskExecutor, places: ProcessPlaces) -> None:
        self._workspace = workspace
        self._disk = disk
        self._places = places
        self._closed = False

    async def read(self, path: str) -> FileStart:
        return await self._disk.run(lambda _: self._workspace.read(path))

    async def write(self, path: str, data: bytes) -> bool:
        # What one call of `write` may write is that tool's bound; others put larger files here, as clients do.
        bytes_max = self._workspace.limits.upload_bytes_max
        return await self._disk.run(lambda stop: self._workspace.write(path, data, stop, most=bytes_max))

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return await self._disk.run(lambda _: self._workspace.listing(path, recursive))

    async def search(self, search: SearchRequest) -> SearchResult:
        # One time limit for waiting and searching: many searches in one message take no longer than one.
        until = time.monotonic() + SEARCH_TIMEOUT_S
        try:
            root = await self._disk.run_beside(self._workspace.open_root)
        except FileNotFoundError:
            return SearchResult(())
        return await search_here(root, search, self._places.searches.of(self._disk.holder), until)

    def refuse_closed(self) -> None:
        """Raises SandboxError after `close`."""
        if self._closed:
            raise SandboxError("the session's sandbox is closed")

    async def close(self) -> None:
        """Close, and wait until no disk work runs."""
        self._closed = True
        await self._disk.aclose()
