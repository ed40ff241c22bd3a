"""Edit tool: replaces an exact piece of text in a file, completely or not at all."""

import asyncio
import difflib
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.policy.effects import Effects
from agent.tools.base import ToolLog, ToolResult
from agent.tools.files import FilePath, FilesTool, path_error
from agent.util.executors import HolderExecutor
from agent.workspace import workspace
from agent.workspace.files import FileStart, SessionFiles
from agent.workspace.paths import WorkspaceError, file_parts, shown
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.text_view import is_binary

LINES_LISTED_MAX = 10
"""Line numbers that an error message lists."""
DIFF_LINES_MAX = 60
DIFF_LINE_CHARS = 300


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `edit`."""

    path: FilePath
    old_string: Annotated[
        str, Meta(min_length=1, description="What is there, exactly, with enough around it that it is there once.")
    ]
    new_string: Annotated[str, Meta(description="What takes its place.")]
    replace_all: Annotated[bool, Meta(description="Replace it wherever it is, however often.")] = False


class EditTool(FilesTool[Edit]):
    """`edit`: replaces text in a file of the session's workspace."""

    __slots__ = ("_one_by_one",)

    name = "edit"
    description = (
        "Replace text in a file of the session's workspace: old_string, exactly as it is in the file, by new_string. "
        "It must be there once, or replace_all be true. Line endings are kept. Shows what was changed as a diff."
    )
    arguments = Edit
    side_effects: str | None = "files edited"

    def __init__(
        self,
        files: SessionFiles,
        limits: WorkspaceLimits,
        threads: HolderExecutor,
        project: str = "",
        *,
        remote: bool = False,
    ) -> None:
        super().__init__(files, limits, threads, project, remote=remote)
        self._one_by_one = asyncio.Lock()

    def validate(self, arguments: Edit) -> str | None:
        if arguments.old_string == arguments.new_string:
            return "Expected something else than `old_string` - at `$.new_string`"
        return path_error(lambda: file_parts(arguments.path, self.limits))

    def effects(self, arguments: Edit) -> Effects:
        return self.write_effects(f"edits {shown(arguments.path)} in the session's workspace", arguments.path)

    async def execute(self, arguments: Edit, log: ToolLog) -> ToolResult:
        # Several edits of one file in one message are usual: each works on the result of the one before it.
        async with self._one_by_one:
            return await self._edit(arguments)

    async def _edit(self, arguments: Edit) -> ToolResult:
        before = whole_text(arguments.path, await self.files.read(arguments.path))
        after, count = apply_edit(before, arguments)
        data = after.encode()
        if len(data) > workspace.WRITE_BYTES_MAX:
            raise WorkspaceError(f"{len(data)} bytes are too many: at most {workspace.WRITE_BYTES_MAX} in one write")
        await self.files.write(arguments.path, data)
        places = "1 place" if count == 1 else f"{count} places"
        change = await self.change_of(arguments.path, before, after)
        shown_diff = await self.threads.run(partial(diff, arguments.path, before, after))
        output = f"edited {shown(arguments.path)} in {places}\n{shown_diff}"
        return ToolResult(output=output, success=True, changes=change)


def whole_text(path: str, file: FileStart) -> str:
    """The file's whole text. Raises WorkspaceError for a binary file, one that is too large, and one that is not UTF-8."""
    if is_binary(file.data):
        raise WorkspaceError(f"{shown(path)} is a binary file; only text can be edited")
    if file.size > len(file.data):
        raise WorkspaceError(f"{shown(path)} is too large to be edited: {file.size} bytes")
    try:
        return file.data.decode()
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{shown(path)} is not UTF-8 at byte {error.start}; it is left alone") from None


def apply_edit(text: str, edit: Edit) -> tuple[str, int]:
    """The text after the edit, and the number of replacements.

    Raises WorkspaceError if `old_string` is missing, or ambiguous; the message names the lines.
    """
    old, new = edit.old_string, edit.new_string
    count = text.count(old)
    if not count and "\r\n" in text and "\n" in old and "\r" not in old:
        # A model sees no carriage returns; the file keeps its own.
        old, new = old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")
        count = text.count(old)
    elif count and "\r\n" in text and "\r" not in new and "\n" in new and text.count("\n") == text.count("\r\n"):
        new = new.replace("\n", "\r\n")
    if not count:
        raise WorkspaceError(f"old_string is not in {shown(edit.path)}{_hint(text, old)}")
    if count > 1 and not edit.replace_all:
        lines = [text.count("\n", 0, at) + 1 for at in _places(text, old)]
        numbers = ", ".join(map(str, lines[:LINES_LISTED_MAX])) + (" and more" if count > LINES_LISTED_MAX else "")
        raise WorkspaceError(
            f"old_string is in {shown(edit.path)} {count} times, at lines {numbers}: add what is around the one that is "
            "meant, or set replace_all"
        )
    return text.replace(old, new), count


def diff(path: str, before: str, after: str) -> str:
    """What was changed, as a unified diff of bounded length."""
    changes = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, n=2, lineterm="")
    lines = [line if len(line) <= DIFF_LINE_CHARS else f"{line[:DIFF_LINE_CHARS]}..." for line in changes]
    if len(lines) > DIFF_LINES_MAX:
        lines = [*lines[:DIFF_LINES_MAX], f"[{len(lines) - DIFF_LINES_MAX} more lines of the diff]"]
    return "\n".join(lines)


def _places(text: str, old: str) -> Iterator[int]:
    at = text.find(old)
    for _ in range(LINES_LISTED_MAX):
        if at < 0:
            return
        yield at
        at = text.find(old, at + len(old))


def _hint(text: str, old: str) -> str:
    """A hint for the model: the lines that contain the first line of `old`, or the advice to read the file again."""
    first = next((line.strip() for line in old.splitlines() if line.strip()), "")
    if not first:
        return ""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if first in line]
    if not lines:
        return "; read the file again, it may have been changed"
    numbers = ", ".join(map(str, lines[:LINES_LISTED_MAX]))
    return f"; its first line is at line {numbers}, with other blanks or with other lines after it"
