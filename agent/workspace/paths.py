"""Workspace paths: checks paths that a tool call gives. Pure, so that a bad one is refused before it needs approval."""

import re
import unicodedata

from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from protocol.visible import exact_line

NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 4096
_PLAIN = re.compile(r"[\w./+@=-]+")
_UNFINISHED = re.compile(r"\.holdfast-[0-9a-f]{16}\.part")


DEPTH_MAX = 32
"""Names in one path; a longer one is refused, and a listing stops there. Deeper trees are made by accident."""


class WorkspaceError(SandboxError):
    """The workspace refuses. The message is for the model and names no path outside of the workspace."""


def shown(path: str, most: int = 300) -> str:
    """The path as part of a sentence: quoted and escaped unless it is plain, so that it cannot look like the sentence."""
    seen = len(path) <= most and exact_line(path) == path
    if seen and _PLAIN.fullmatch(path):
        return path
    text = path.replace("\\", "\\\\") if seen else path.encode("unicode_escape").decode()
    text = text.replace("'", "\\'")
    return f"'{text}'" if len(text) <= most else f"'{text[: most - 40]}...{text[-37:]}'"


def unfinished_name(token: str) -> str:
    """The name of a file while it is being written. `token`: 16 hex digits."""
    return f".holdfast-{token}.part"


def is_unfinished(name: str) -> bool:
    """Whether a name is that of a file being written."""
    return _UNFINISHED.fullmatch(name) is not None


def folder_parts(path: str, limits: WorkspaceLimits) -> tuple[str, ...]:
    """The names on the way from the workspace to a folder in it; none for `.` or an empty path.

    Raises WorkspaceError for what is absolute, goes up, or cannot be a name.
    """
    return _parts(path, limits)


def file_parts(path: str, limits: WorkspaceLimits) -> tuple[str, ...]:
    """The names on the way from the workspace to a file in it, at least one. Raises as `folder_parts`."""
    parts = _parts(path, limits)
    if not parts or path.endswith(("/", "/.")):
        raise WorkspaceError(f"path {shown(path)} names a folder, not a file")
    return parts


def _parts(path: str, limits: WorkspaceLimits) -> tuple[str, ...]:
    if path.startswith("/"):
        raise WorkspaceError(f"path {shown(path)} is absolute; paths are relative to the workspace")
    for character in path:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise WorkspaceError(f"path {shown(path)} contains a control character or half of one")
    if len(path.encode()) > PATH_BYTES_MAX:
        raise WorkspaceError(f"path {shown(path)} is too long: more than {PATH_BYTES_MAX} bytes")
    parts = tuple(name for name in path.split("/") if name not in ("", "."))
    if len(parts) > DEPTH_MAX:
        raise WorkspaceError(f"path {shown(path)} is too deep: more than {DEPTH_MAX} names")
    for name in parts:
        if name == "..":
            raise WorkspaceError(f"path {shown(path)} goes up with '..'; paths stay inside the workspace")
        if len(name.encode()) > NAME_BYTES_MAX:
            raise WorkspaceError(f"path {shown(path)} has a name that is too long: more than {NAME_BYTES_MAX} bytes")
        if is_unfinished(name):
            raise WorkspaceError(f"path {shown(path)} has a name that is reserved for files being written")
    return parts
