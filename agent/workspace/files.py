"""Sandbox interface: the files and commands of one session, wherever they are. The tools use nothing else."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from agent.util.errors import ToolError

OutputSink = Callable[[bytes], Awaitable[None]]
"""Takes a command's output as it comes, standard output and error in one; waits while its buffer is full."""


class SandboxError(ToolError):
    """A sandbox failed. The message is for the model and names nothing of the server."""


class SandboxLost(SandboxError):
    """The sandbox is gone, or does not answer."""


class FileStart(msgspec.Struct, frozen=True):
    """The first bytes of a file, and the size of the whole file in bytes."""

    data: bytes
    size: int


class Entry(msgspec.Struct, frozen=True):
    """One name in the workspace. `kind`: `file`, `folder`, `link` and so on. `size`: bytes of a file; else 0.

    `modified`: when it was changed last, in whole seconds of Unix time; 0 where that is not known, as in a Space.
    """

    path: str
    kind: str
    size: int
    modified: int = 0


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
    """A line that matches; `line` counts from 1, `text` may be cut."""

    path: str
    line: int
    text: str


class SearchResult(msgspec.Struct, frozen=True):
    """The matches, files in order of their names. `more`: why these are not all, as text; empty if they are."""

    matches: tuple[SearchMatch, ...]
    more: str = ""


class ExitStatus(msgspec.Struct, frozen=True):
    """How a command ended. `code`: its exit code, 128 + n for signal n. `stopped`: why the sandbox ended it, or empty.

    `note`: what else its user and the model must know, or empty.
    """

    code: int
    stopped: str = ""
    note: str = ""


class SessionFiles(Protocol):
    """A session's files. Paths are relative to its workspace. Every method may raise SandboxError."""

    async def read(self, path: str) -> FileStart:
        """The beginning of a file, and its size."""

    async def write(self, path: str, data: bytes) -> bool:
        """Write a file, wholly or not at all, with the folders on the way; True if it replaced one."""

    async def list(self, path: str, recursive: bool) -> tuple[list[Entry], bool]:
        """The entries of a folder, each folder before its own entries, names in order; and whether there are more."""

    async def search(self, wanted: SearchRequest) -> SearchResult:
        """The lines that match; bounded in time too. Links are not followed, binary files are skipped.

        Where files are reached by commands alone, `agent.sandbox.search.search_by_command` does it.
        """

    async def close(self) -> None:
        """Release what is open here; no call works after it. May be called twice."""


class Sandbox(SessionFiles, Protocol):
    """One session's sandbox: its files, and a shell beside them."""

    says: str
    """Where commands run and what they can reach, as text for the model and for people."""
    network: bool
    """Whether commands reach the network."""

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a shell command in the workspace to its end. Cancelled, or out of time, its whole process tree is killed.

        Its background processes are killed when it ends.
        """
