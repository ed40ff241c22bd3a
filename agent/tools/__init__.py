"""Tools: what a model may do besides talk, and the router between them and a session.

docs/tools.md says how to add one in ten lines: its arguments as a Struct, from which both the JSON Schema told to the
model and the validation come, and what it does with them.
"""

from agent.tools.base import PreparedCall, StructTool, Tool, ToolLog, ToolResult
from agent.tools.bash import BashTool
from agent.tools.edit import EditTool
from agent.tools.files import GrepTool, ListFilesTool, ReadFileTool, WriteFileTool
from agent.tools.plan import PlanTool
from agent.tools.router import ToolRouter, ToolSource
from agent.util.errors import ToolError
from agent.workspace.files import Entry, SessionFiles
from agent.workspace.paths import WorkspaceError
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace

__all__ = [
    "BUILT_IN",
    "BashTool",
    "Entry",
    "PlanTool",
    "PreparedCall",
    "StructTool",
    "Tool",
    "ToolError",
    "ToolLog",
    "ToolResult",
    "ToolRouter",
    "ToolSource",
    "Workspace",
    "WorkspaceError",
    "WorkspaceLimits",
    "file_tools",
]


_FILE_TOOLS = (ListFilesTool, ReadFileTool, WriteFileTool, EditTool, GrepTool)
BUILT_IN = (PlanTool.name, *(tool.name for tool in _FILE_TOOLS), BashTool.name)
"""The names of the tools a session has on every server, `bash` as far as commands run there."""


def file_tools(files: SessionFiles, limits: WorkspaceLimits) -> list[Tool]:
    """The tools for a session's files, on this machine or elsewhere."""
    return [tool(files, limits) for tool in _FILE_TOOLS]
