"""Session sandbox: writes ask whether there is room, and files are counted anew after each write and each command."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

import pytest

from agent.sandbox.sandbox import SessionSandbox
from agent.workspace.files import Entry, ExitStatus, FileStart, OutputSink, SandboxError, SearchRequest, SearchResult


class Memory:
    """A sandbox of one file in memory; its commands fail as `failure` says."""

    says, network = "memory", False

    def __init__(self, failure: SandboxError | None = None) -> None:
        self.data = b""
        self._failure = failure

    async def read(self, path: str) -> FileStart:
        return FileStart(self.data, len(self.data))

    async def write(self, path: str, data: bytes) -> bool:
        self.data = data
        return False

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        return [], False

    async def search(self, wanted: SearchRequest) -> SearchResult:
        return SearchResult(())

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        if self._failure is not None:
            raise self._failure
        return ExitStatus(0)

    async def close(self) -> None:
        """Nothing is open."""


class Room:
    """Room for so many bytes. `counts`: how often the files were counted."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.counts = 0

    @asynccontextmanager
    async def writing(self, size: int) -> AsyncIterator[None]:
        if size > self._left:
            raise SandboxError("there is no room")
        yield
        await self.changed()

    async def changed(self) -> None:
        self.counts += 1

    def growing(self) -> AbstractContextManager[Callable[[int], str]]:
        return nullcontext(lambda size: "")


def sandbox_of(memory: Memory, room: Room) -> SessionSandbox:
    async def create() -> Memory:
        return memory

    return SessionSandbox(create, "memory", network=False, storage=room)


async def nowhere(piece: bytes) -> None:
    """The output is not looked at."""


async def test_a_write_without_room_is_refused_and_nothing_is_written() -> None:
    memory, room = Memory(), Room(3)
    sandbox = sandbox_of(memory, room)
    with pytest.raises(SandboxError, match="there is no room"):
        await sandbox.write("a", b"1234")
    assert (memory.data, room.counts) == (b"", 0)
    await sandbox.write("a", b"123")
    assert (memory.data, room.counts) == (b"123", 1)


async def test_files_are_counted_after_each_command_also_one_that_failed() -> None:
    room = Room(0)
    await sandbox_of(Memory(), room).exec("true", nowhere, 1.0)
    assert room.counts == 1
    with pytest.raises(SandboxError, match="lost"):
        await sandbox_of(Memory(SandboxError("lost")), room).exec("true", nowhere, 1.0)
    assert room.counts == 2
