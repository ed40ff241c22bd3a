"""Tools: what a model may do besides talk, and the router between them and a session.

A new tool takes about ten lines: its arguments as a Struct, from which both the JSON Schema told to the model and the
validation come, and what it does with them.

    class CountWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        text: Annotated[str, Meta(max_length=100_000, description="The text whose words are counted.")]

    class CountWordsTool(StructTool[CountWords]):
        name = "count_words"
        description = "Count the words of a text."
        arguments = CountWords

        async def call(self, arguments: CountWords, log: ToolLog) -> ToolResult:
            return ToolResult(output=str(len(arguments.text.split())), success=True)

    router = ToolRouter([*file_tools(files, limits), CountWordsTool()])

A tool that needs approval says why in `reason`; one whose effects undo cannot take back names them in `side_effects`;
one that holds something open has an `aclose`. A tool whose schema comes from elsewhere implements the `Tool` protocol
itself: `parameters` is that schema, and `check` validates against it.
"""

from agent.sandbox.base import Entry, Files
from agent.tools.bash import BashTool
from agent.tools.edit import EditTool
from agent.tools.files import ListFilesTool, ReadFileTool, WriteFileTool
from agent.tools.grep import GrepTool
from agent.tools.paths import WorkspaceError
from agent.tools.plan import PlanTool
from agent.tools.router import ToolRouter, ToolSource
from agent.tools.settings import WorkspaceLimits
from agent.tools.tool import StructTool, Tool, ToolLog, ToolResult
from agent.tools.workspace import Workspace

__all__ = [
    "BUILT_IN",
    "BashTool",
    "Entry",
    "StructTool",
    "Tool",
    "ToolLog",
    "ToolResult",
    "ToolRouter",
    "ToolSource",
    "Workspace",
    "WorkspaceError",
    "WorkspaceLimits",
    "file_tools",
]


_WITH_FILES = (ListFilesTool, ReadFileTool, WriteFileTool, EditTool, GrepTool)
BUILT_IN = (PlanTool.name, *(tool.name for tool in _WITH_FILES), BashTool.name)
"""The names of the tools a session has on every server, `bash` as far as commands run there."""


def file_tools(files: Files, limits: WorkspaceLimits) -> list[Tool]:
    """The tools every session has: the plan, and its files, wherever they are."""
    return [PlanTool(limits), *(tool(files, limits) for tool in _WITH_FILES)]
