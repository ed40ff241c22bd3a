"""What a sandbox is: a place for one session's files and commands, wherever it is. The tools speak this and no more."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from agent.util.errors import ToolError

OutputSink = Callable[[bytes], Awaitable[None]]
"""Hears what a command writes, as it comes, standard output and error in one; waits while too much waits."""


class SandboxError(ToolError):
    """Why the sandbox cannot do it, in words for the model; names nothing of the server."""


class SandboxLost(SandboxError):
    """The sandbox is no longer there, or does not answer."""


class FileStart(msgspec.Struct, frozen=True):
    """A file's bytes from its beginning, and its whole size in bytes."""

    data: bytes
    size: int


class Entry(msgspec.Struct, frozen=True):
    """One name in the workspace. `size`: bytes, of a file; 0 of anything else."""

    path: str
    kind: str
    size: int


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for in the files below `path`. `glob`: only names or paths that match, as in a shell; empty: all.

    `pattern`: a regular expression of Python's `re`, found within a line; with `fixed` a plain text.
    """

    pattern: str
    path: str = "."
    glob: str = ""
    fixed: bool = False
    ignore_case: bool = False


class SearchMatch(msgspec.Struct, frozen=True):
    """A line in which something was found; `line` counts from 1, `text` may be cut."""

    path: str
    line: int
    text: str


class SearchResult(msgspec.Struct, frozen=True):
    """What a search found, files in order of their names. `more`: why it is not all, in words, or empty."""

    matches: tuple[SearchMatch, ...]
    more: str = ""


class ExitStatus(msgspec.Struct, frozen=True):
    """How a command ended. `code`: its exit code, 128 + n for signal n. `stopped`: why it was ended, or empty."""

    code: int
    stopped: str = ""


class SessionFiles(Protocol):
    """A session's files. Paths are relative to its workspace. Every method may raise SandboxError."""

    async def read(self, path: str) -> FileStart:
        """The beginning of a file, and its size."""

    async def write(self, path: str, data: bytes) -> bool:
        """Put a file there, wholly or not at all, with the folders on the way; True if it took the place of one."""

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        """What is in a folder, each folder before what is in it, names in order; and whether there is more."""

    async def search(self, wanted: SearchRequest) -> SearchResult:
        """The lines in which something is found; bounded in time too. Links are not followed, binary files passed over.

        Where files are reached by commands alone, `agent.sandbox.search.search_by_command` does it.
        """

    async def close(self) -> None:
        """Let go of what is held open here; nothing can be done after it. Closing twice is once."""


class Sandbox(SessionFiles, Protocol):
    """One session's sandbox: its files, and a shell beside them."""

    says: str
    """What it is, in words for the model and for people: where commands run, and what they can reach."""
    network: bool
    """Whether commands reach the network."""

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a shell command in the workspace to its end. Cancelled, or out of time, its whole process tree is killed.

        What it leaves running in the background is killed with its end.
        """
