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

    router = ToolRouter([*workspace_tools(folder), CountWordsTool()])

A tool that needs approval says why in `reason`; one whose effects undo cannot take back names them in `side_effects`;
one that holds something open has an `aclose`. A tool whose schema comes from elsewhere implements the `Tool` protocol
itself: `parameters` is that schema, and `check` validates against it.
"""

from pathlib import Path

from agent.tools.disk import DiskWork
from agent.tools.files import ListFilesTool, ReadFileTool, WriteFileTool
from agent.tools.paths import WorkspaceError
from agent.tools.plan import PlanTool
from agent.tools.router import ToolRouter
from agent.tools.settings import WorkspaceLimits
from agent.tools.tool import StructTool, Tool, ToolLog, ToolResult
from agent.tools.workspace import Entry, Workspace

__all__ = [
    "Entry",
    "StructTool",
    "Tool",
    "ToolLog",
    "ToolResult",
    "ToolRouter",
    "Workspace",
    "WorkspaceError",
    "WorkspaceLimits",
    "workspace_tools",
]


def workspace_tools(root: Path, limits: WorkspaceLimits | None = None) -> list[Tool]:
    """The tools every session has: the plan, and the files of its own folder `root`, which the first write makes."""
    limits = limits or WorkspaceLimits()
    workspace, disk = Workspace(root, limits), DiskWork()
    return [
        PlanTool(limits),
        ListFilesTool(workspace, disk),
        ReadFileTool(workspace, disk),
        WriteFileTool(workspace, disk),
    ]
