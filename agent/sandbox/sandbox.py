"""One session's sandbox as its tools hold it: made at first use, once, and closed with the session's work."""

import asyncio
from collections.abc import Awaitable, Callable

from agent.workspace.files import Entry, Exit, FileStart, Found, Output, Sandbox, SandboxError, Search


class SessionSandbox:
    """A Sandbox that is not there yet. `make` is called at the first use, and again after it failed."""

    def __init__(self, make: Callable[[], Awaitable[Sandbox]], says: str, *, network: bool) -> None:
        self.says = says
        self.network = network
        self._make = make
        self._made: Sandbox | None = None
        self._making = asyncio.Lock()
        self._closed = False

    async def exec(self, command: str, output: Output, timeout_s: float) -> Exit:
        return await (await self._sandbox()).exec(command, output, timeout_s)

    async def read(self, path: str) -> FileStart:
        return await (await self._sandbox()).read(path)

    async def write(self, path: str, data: bytes) -> bool:
        return await (await self._sandbox()).write(path, data)

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return await (await self._sandbox()).list(path, recursive)

    async def search(self, wanted: Search) -> Found:
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
