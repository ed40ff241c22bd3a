"""The searching tool: the lines of the workspace's files in which something is found."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.tools.base import ToolResult
from agent.tools.files import FilesTool, path_fault, printable
from agent.workspace.files import Search
from agent.workspace.paths import folder_parts

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
    """Searches the files of the session's workspace."""

    name = "grep"
    description = (
        "Search the text files in the session's workspace, line by line. Answers with path:line:text of each line in "
        "which something is found. Links, binary files and .git are passed over."
    )
    arguments = Grep

    def fault(self, arguments: Grep) -> str | None:
        if not arguments.fixed:
            try:
                re.compile(arguments.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                return f"Expected a regular expression: {error} - at `$.pattern`"
        return path_fault(lambda: folder_parts(arguments.path, self.limits))

    async def work(self, arguments: Grep) -> ToolResult:
        found = await self.files.search(Search(**msgspec.structs.asdict(arguments)))
        lines: list[str] = []
        left, more = self.limits.view_chars_max, found.more
        for match in found.matches:
            line = f"{printable(match.path)}:{match.line}:{match.text}"
            left -= len(line) + 1
            if left < 0:
                more = "more matches than one call shows"
                break
            lines.append(line)
        if more:
            lines.append(f"[not all is told: {more}; narrow it down by path, glob or pattern]")
        return ToolResult(output="\n".join(lines) or "[nothing found]", success=True, truncated=bool(more))
