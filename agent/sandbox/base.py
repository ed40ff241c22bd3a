"""What a sandbox is: a place for one session's files and commands, wherever it is. The tools speak this and no more."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from agent.tools.workspace import Entry, FileStart

Output = Callable[[bytes], Awaitable[None]]
"""Hears what a command writes, as it comes, standard output and error in one; waits while too much waits."""


class SandboxError(Exception):
    """Why the sandbox cannot do it, in words for the model; names nothing of the server."""


class Exit(msgspec.Struct, frozen=True):
    """How a command ended. `code`: its exit code, 128 + n for signal n. `stopped`: why it was ended, or empty."""

    code: int
    stopped: str = ""


class Sandbox(Protocol):
    """One session's sandbox. Paths are relative to its workspace. Every method may raise SandboxError."""

    says: str
    """What it is, in words for the model and for people: where commands run, and what they can reach."""
    network: bool
    """Whether commands reach the network."""

    async def exec(self, command: str, output: Output, timeout_s: float) -> Exit:
        """Run a shell command in the workspace to its end. Cancelled, or out of time, its whole process tree is killed."""

    async def read(self, path: str) -> FileStart:
        """The beginning of a file, and its size."""

    async def write(self, path: str, data: bytes) -> bool:
        """Put a file there, wholly or not at all, with the folders on the way; True if it took the place of one."""

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        """What is in a folder, each folder before what is in it, names in order; and whether there is more."""

    async def close(self) -> None:
        """Give everything back; once closed it runs nothing. Closing twice is once."""
