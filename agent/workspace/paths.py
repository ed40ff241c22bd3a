"""Workspace paths: checks paths that a tool call gives. Pure, so that a bad one is refused before it needs approval."""

import errno
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress

from agent.util.text import UNCLEAN, is_clean
from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from protocol.visible import exact_line

NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 4096
_PLAIN = re.compile(r"[\w./+@=-]+")
_UNFINISHED = re.compile(r"\.holdfast-[0-9a-f]{16}\.part")
_ESCAPE = re.compile(r"\\x(0[1-9a-f]|1[0-9a-f]|7f|[89a-f][0-9a-f])")
"""A byte as `as_text` writes it. Never NUL, a dot or a slash, so that no escape makes a name lead elsewhere."""


DEPTH_MAX = 32
"""Names in one path; a longer one is refused, and a listing stops there. Deeper trees are made by accident."""


class WorkspaceError(SandboxError):
    """The workspace refuses. The message is for the model and names no path outside of the workspace."""


class NotInWorkspace(WorkspaceError):
    """There is nothing of that name."""


class InWorkspace(WorkspaceError):
    """There is a file of that name already."""


def shown(path: str, most: int = 300) -> str:
    """The path as part of a sentence: quoted and escaped unless it is plain, so that it cannot look like the sentence."""
    seen = len(path) <= most and exact_line(path) == path
    if seen and _PLAIN.fullmatch(path):
        return path
    text = path.replace("\\", "\\\\") if seen else path.encode("unicode_escape").decode()
    text = text.replace("'", "\\'")
    return f"'{text}'" if len(text) <= most else f"'{text[: most - 40]}...{text[-37:]}'"


def as_text(path: str) -> str:
    """A path as text that may be sent: the bytes of what no path may have are written as `\\x0a`, `\\xff` and so on.

    A command may make a name of any bytes but NUL and the slash. `path`: as the `os` module gives names.
    """
    return "".join(_escaped(c) if unicodedata.category(c) in UNCLEAN else c for c in path)


def printable(path: str) -> str:
    """A path that `as_text` gave as part of a line, so that it cannot imitate another: what is not printable is escaped too."""
    return path if path.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in path)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def from_text(path: str) -> str:
    """The path that `as_text` or `printable` made this text from, as the `os` module takes names."""
    return os.fsdecode(b"".join(_bytes_of(path))) if "\\x" in path else path


def existing_name(folder: int, name: str) -> str:
    """The name in an open folder that this text means: the text itself if it is there, else what it was made from."""
    other = from_text(name)
    if other == name:
        return name
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        # A name of 255 bytes is longer as text.
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            with suppress(FileNotFoundError):
                os.stat(other, dir_fd=folder, follow_symlinks=False)
                return other
    return name


def _bytes_of(name: str) -> Iterator[bytes]:
    end = 0
    for escape in _ESCAPE.finditer(name):
        yield name[end : escape.start()].encode()
        yield bytes.fromhex(escape[1])
        end = escape.end()
    yield name[end:].encode()


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
    if not is_clean(path):
        raise WorkspaceError(f"path {shown(path)} contains a control character, a line separator or half a character")
    if len(os.fsencode(from_text(path))) > PATH_BYTES_MAX:
        raise WorkspaceError(f"path {shown(path)} is too long: more than {PATH_BYTES_MAX} bytes")
    parts = tuple(name for name in path.split("/") if name not in ("", "."))
    if len(parts) > DEPTH_MAX:
        raise WorkspaceError(f"path {shown(path)} is too deep: more than {DEPTH_MAX} names")
    for name in parts:
        if name == "..":
            raise WorkspaceError(f"path {shown(path)} goes up with '..'; paths stay inside the workspace")
        if len(os.fsencode(from_text(name))) > NAME_BYTES_MAX:
            raise WorkspaceError(f"path {shown(path)} has a name that is too long: more than {NAME_BYTES_MAX} bytes")
        if is_unfinished(name):
            raise WorkspaceError(f"path {shown(path)} has a name that is reserved for files being written")
    return parts
