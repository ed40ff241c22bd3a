"""Tools: the functions that a model may call, and the router that finds, prepares and runs them for a session.

Tool: has a name, a description, a JSON Schema of its arguments, and the methods `prepare` and `execute`.
Prepared call: the decoded, valid arguments of one call, and its effects.
Effects: what a call would do outside the workspace, and what it would cost; the policy decides by them.
Side effects: what undo does not revert.
Router: all tools of one session, by name.
Tool source: tools that may change while a session lives, such as those of MCP servers.
Sub-agent: a tool that calls a model and tools itself.
How to add a tool: docs/tools.md.

Worth knowing. A call is validated before anyone is asked to approve it, path rules included, so an escape from the workspace is
refused and never put before a person. A session's disk work runs in one thread at a time; cancelled work looks at a stop flag
before its rename, so a write happened wholly or not at all. A `CancelledError` out of a tool that nobody cancelled becomes a
failed result, so the turn cannot hang on it.
"""

from agent.tools.ask_user import AskUserTool
from agent.tools.base import PreparedCall, StructTool, Tool, ToolLog, ToolResult
from agent.tools.bash import BashTool
from agent.tools.edit import EditTool
from agent.tools.files import GrepTool, ListFilesTool, ReadFileTool, WriteFileTool
from agent.tools.plan import PlanTool
from agent.tools.router import ToolRouter, ToolSource
from agent.util.errors import ToolError
from agent.util.executors import HolderExecutor
from agent.workspace.files import Entry, SessionFiles
from agent.workspace.paths import WorkspaceError
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace

__all__ = [
    "BUILT_IN_NAMES",
    "AskUserTool",
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
BUILT_IN_NAMES = (PlanTool.name, AskUserTool.name, *(tool.name for tool in _FILE_TOOLS), BashTool.name)
"""The names of the tools that every server offers; `bash` only where commands can run."""


def file_tools(
    files: SessionFiles, limits: WorkspaceLimits, threads: HolderExecutor, project: str = "", *, remote: bool = False
) -> list[Tool]:
    """The tools for a session's files, on this machine or elsewhere. `threads`: for work of the processor.

    `project`: the session's project folder, if it has one. `remote`: the files are elsewhere.
    """
    return [tool(files, limits, threads, project, remote=remote) for tool in _FILE_TOOLS]
