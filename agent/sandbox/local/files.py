"""Local files: a session's workspace on this machine as its tools use it."""

import time

import msgspec

from agent.sandbox.local.process_places import ProcessPlaces
from agent.sandbox.search import SEARCH_TIMEOUT_S, list_here, search_here
from agent.workspace.dirfd import as_workspace_errors
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import Entry, FileStart, SandboxError, SearchRequest, SearchResult
from agent.workspace.paths import NotInWorkspace
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
        if self._workspace.counted:
            return await self._disk.run(lambda _: self._workspace.listing(path, recursive))
        until = time.monotonic() + SEARCH_TIMEOUT_S
        root, real = await self._open(path)
        return await list_here(root, real, recursive, self._places.searches.of(self._disk.holder), until)

    async def search(self, search: SearchRequest) -> SearchResult:
        # One time limit for waiting and searching: many searches in one message take no longer than one.
        until = time.monotonic() + SEARCH_TIMEOUT_S
        try:
            root, path = await self._open(search.path)
        except NotInWorkspace:
            if not self._workspace.counted:
                raise
            return SearchResult(())  # nothing was ever written
        search = msgspec.structs.replace(search, path=path)
        gitignore = not self._workspace.counted
        return await search_here(root, search, self._places.searches.of(self._disk.holder), until, gitignore=gitignore)

    async def _open(self, path: str) -> tuple[int, str]:
        """As `Workspace.open_for_search`."""

        def opened() -> tuple[int, str]:
            with as_workspace_errors(path):
                return self._workspace.open_for_search(path)

        return await self._disk.run_beside(opened)

    def refuse_closed(self) -> None:
        """Raises SandboxError after `close`."""
        if self._closed:
            raise SandboxError("the session's sandbox is closed")

    async def close(self) -> None:
        """Close, and wait until no disk work runs."""
        self._closed = True
        await self._disk.aclose()
