"""File tools: read, list, write and search the files of the session's workspace."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from agent.policy.effects import Effects
from agent.tools.base import StructTool, ToolLog, ToolResult
from agent.tools.changes import file_change
from agent.util.executors import HolderExecutor
from agent.workspace import workspace
from agent.workspace.files import Entry, SandboxError, SearchRequest, SessionFiles
from agent.workspace.guarded import REASON, is_guarded
from agent.workspace.paths import WorkspaceError, file_parts, folder_parts, printable, shown
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.text_view import is_binary, view
from protocol.content import FileChange

FilePath = Annotated[str, Meta(min_length=1, description="Path relative to the workspace, such as notes/today.md.")]


VIEW_CHARS_MAX = 40_000
"""Longest piece of a file or listing that one call shows: about 10,000 tokens, below `turn.tool_output_max_tokens`."""


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `read`."""

    path: FilePath
    offset: Annotated[int, Meta(ge=1, le=1_000_000_000, description="First line to show, counted from 1.")] = 1
    limit: Annotated[int, Meta(ge=0, le=1_000_000_000, description="Lines to show at most; 0: as many as fit.")] = 0


class ListFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `list`."""

    path: Annotated[str, Meta(description="Folder relative to the workspace; `.` is the workspace itself.")] = "."
    recursive: Annotated[bool, Meta(description="Whether to list what is in the folders below too.")] = False


class WriteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `write`."""

    path: FilePath
    content: Annotated[str, Meta(description="The whole new content of the file, as text.")]


A = TypeVar("A", bound=msgspec.Struct)


class FilesTool(StructTool[A], Generic[A]):
    """Base of the tools that use the session's files, on this machine or in a remote sandbox."""

    __slots__ = ("files", "limits", "project", "remote", "threads")

    def __init__(
        self,
        files: SessionFiles,
        limits: WorkspaceLimits,
        threads: HolderExecutor,
        project: str = "",
        *,
        remote: bool = False,
    ) -> None:
        """`threads`: for work of the processor. `project`: the session's project folder, below which absolute paths may lie.

        `remote`: the files are elsewhere, so that each access takes time.
        """
        self.files = files
        self.limits = limits
        self.threads = threads
        self.project = project
        self.remote = remote

    def normalize(self, arguments: A) -> A:
        path: str = arguments.path  # type: ignore[attr-defined]  # all of these tools have it
        if not self.project or not path.startswith("/"):
            return arguments
        if path.rstrip("/") == self.project:
            return msgspec.structs.replace(arguments, path=".")
        inside = path.removeprefix(f"{self.project}/")
        return arguments if inside == path else msgspec.structs.replace(arguments, path=inside.lstrip("/") or ".")

    async def change_of(self, path: str, before: str | None, after: str) -> tuple[FileChange, ...]:
        """What became of the file at this path; nothing if it is as it was. `before`: None if it is new."""
        named = path if not self.project or path.startswith(".holdfast/") else f"{self.project}/{path}"
        return () if before == after else (await self.threads.run(partial(file_change, named, before, after)),)

    def effects(self, arguments: A) -> Effects:
        return Effects(path=arguments.path)  # type: ignore[attr-defined]  # as above

    def write_effects(self, description: str, path: str) -> Effects:
        """The effects of writing the file at this path."""
        guarded = self.project and is_guarded([name for name in path.split("/") if name not in ("", ".")])
        return Effects(description, path=path, each_time=REASON if guarded else "")


class ReadFileTool(FilesTool[ReadFile]):
    """`read`: shows a text file, or some of its lines."""

    __slots__ = ()

    name = "read"
    description = (
        "Read a text file in the session's workspace. A long file is shown in pieces: the last line in brackets then "
        "says with which offset to go on."
    )
    arguments = ReadFile

    def validate(self, arguments: ReadFile) -> str | None:
        return path_error(lambda: file_parts(arguments.path, self.limits))

    async def execute(self, arguments: ReadFile, log: ToolLog) -> ToolResult:
        file = await self.files.read(arguments.path)
        most = VIEW_CHARS_MAX
        show = partial(view, arguments.path, file, arguments.offset, arguments.limit or None, most)
        piece = await self.threads.run(show)
        return ToolResult(output=piece.text, success=True, truncated=piece.cut)


class ListFilesTool(FilesTool[ListFiles]):
    """`list`: shows the files and folders in a folder."""

    __slots__ = ()

    name = "list"
    description = "List the files and folders in the session's workspace, sorted by name, with the files' sizes."
    arguments = ListFiles

    def validate(self, arguments: ListFiles) -> str | None:
        return path_error(lambda: folder_parts(arguments.path, self.limits))

    async def execute(self, arguments: ListFiles, log: ToolLog) -> ToolResult:
        entries, cut = await self.files.list(arguments.path, arguments.recursive)
        if not entries:
            return ToolResult(output="[the folder is empty]", success=True)
        lines: list[str] = []
        left = VIEW_CHARS_MAX
        for entry in entries:
            line = _line(entry)
            left -= len(line) + 1
            if left < 0:
                cut = True
                break
            lines.append(line)
        if cut:
            lines.append(f"[the first {len(lines)} are shown, there are more: list a folder of them by its path]")
        return ToolResult(output="\n".join(lines), success=True, truncated=cut)


class WriteFileTool(FilesTool[WriteFile]):
    """`write`: writes a text file; one that exists is replaced."""

    __slots__ = ()

    name = "write"
    description = (
        "Write a text file in the session's workspace, in place of one that is there; missing folders are made. "
        f"At most {workspace.WRITE_BYTES_MAX} bytes."
    )
    arguments = WriteFile
    side_effects: str | None = "files written"

    def validate(self, arguments: WriteFile) -> str | None:
        size, most = len(arguments.content.encode()), workspace.WRITE_BYTES_MAX
        if size > most:
            return f"Expected at most {most} bytes as UTF-8, got {size} - at `$.content`"
        return path_error(lambda: file_parts(arguments.path, self.limits))

    def effects(self, arguments: WriteFile) -> Effects:
        size = len(arguments.content.encode())
        return self.write_effects(
            f"writes {shown(arguments.path)} ({size} bytes) in the session's workspace", arguments.path
        )

    async def execute(self, arguments: WriteFile, log: ToolLog) -> ToolResult:
        data = arguments.content.encode()
        before = await self._text_before(arguments.path)
        replaced = await self.files.write(arguments.path, data)
        done = "replaced" if replaced else "wrote"
        changes = await self.change_of(arguments.path, before if replaced else None, arguments.content)
        return ToolResult(output=f"{done} {shown(arguments.path)} ({len(data)} bytes)", success=True, changes=changes)

    async def _text_before(self, path: str) -> str:
        """The file's text, for the difference; empty if there is none that can be shown."""
        if self.remote:
            return ""
        try:
            file = await self.files.read(path)
        except SandboxError:
            return ""
        return "" if file.size > len(file.data) or is_binary(file.data) else file.data.decode("utf-8", "replace")


def path_error(parse: Callable[[], object]) -> str | None:
    """The validation error of the argument `path`; None if `parse` does not raise WorkspaceError."""
    try:
        parse()
    except WorkspaceError as error:
        return f"{error} - at `$.path`"
    return None


def _line(entry: Entry) -> str:
    path = printable(entry.path)
    if entry.kind == "folder":
        return f"{path}/"
    return f"{path} ({entry.size} bytes)" if entry.kind == "file" else f"{path} ({entry.kind})"


PATTERN_CHARS_MAX = 2_000


class Grep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `grep`."""

    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=PATTERN_CHARS_MAX,
            description="A regular expression as in Python, found within a line; with `fixed` a plain text.",
        ),
    ]
    path: Annotated[str, Meta(description="File or folder relative to the workspace; `.` is all of it.")] = "."
    glob: Annotated[
        str, Meta(max_length=500, description="Only files whose name or path matches, such as `*.py` or `src/*.c`.")
    ] = ""
    fixed: Annotated[bool, Meta(description="Whether `pattern` is a plain text, not an expression.")] = False
    ignore_case: Annotated[bool, Meta(description="Whether small and capital letters are the same.")] = False


class GrepTool(FilesTool[Grep]):
    """`grep`: searches the workspace's text files line by line."""

    __slots__ = ()

    name = "grep"
    description = (
        "Search the text files in the session's workspace, line by line. Answers with path:line:text of each line in "
        "which something is found. Links, binary files and .git are passed over."
    )
    arguments = Grep

    def validate(self, arguments: Grep) -> str | None:
        if not arguments.fixed:
            try:
                re.compile(arguments.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                return f"Expected a regular expression: {error} - at `$.pattern`"
        return path_error(lambda: folder_parts(arguments.path, self.limits))

    async def execute(self, arguments: Grep, log: ToolLog) -> ToolResult:
        result = await self.files.search(SearchRequest(**msgspec.structs.asdict(arguments)))
        lines: list[str] = []
        left, more = VIEW_CHARS_MAX, result.more
        for match in result.matches:
            line = f"{printable(match.path)}:{match.line}:{match.text}"
            left -= len(line) + 1
            if left < 0:
                more = "more matches than one call shows"
                break
            lines.append(line)
        if more:
            lines.append(f"[not all is told: {more}; narrow it down by path, glob or pattern]")
        return ToolResult(output="\n".join(lines) or "[nothing found]", success=True, truncated=bool(more))
