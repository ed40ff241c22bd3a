"""Project folders: which folders of this machine sessions may work in. All of it blocks."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PATH_CHARS_MAX: Final = 4_096
SYSTEM: Final = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var")
"""Folders that a session may not have as its own: commands need what is there, or their own in its place."""
NEVER_IN: Final = ("/dev", "/proc", "/sys")


class ProjectRefused(Exception):
    """No session may work in this folder. The message says why, for the client."""


class ProjectFolders:
    """The folders that the operator allows. `roots`: `workspace.roots`; `data`: the server's own folders, which nobody gets to see.

    `why_none`: why this server has no project folders at all, such as that commands run elsewhere; empty: it may have.
    """

    def __init__(self, roots: Sequence[str], data: Sequence[Path], why_none: str = "") -> None:
        self._roots = [Path(root).expanduser() for root in roots]
        self._data = data
        self._why_none = why_none

    def resolve(self, cwd: str) -> str:
        """The folder's path without links. Raises `ProjectRefused`."""
        if not cwd.startswith("/") or "\0" in cwd or len(cwd) > PATH_CHARS_MAX:
            raise ProjectRefused("`cwd` must be the absolute path of a folder on the server's machine")
        if not self._roots:
            raise ProjectRefused("this server allows no project folders; its operator sets `workspace.roots`")
        if self._why_none:
            raise ProjectRefused(self._why_none)
        try:
            folder = os.path.realpath(cwd, strict=True)
        except (OSError, ValueError):
            folder = ""
        # One answer for what is not there and for what is not allowed: nobody learns which paths exist elsewhere.
        if not folder or not any(_is_in(folder, os.path.realpath(root)) for root in self._roots):
            raise ProjectRefused("`cwd` is no folder in one of those that this server allows (`workspace.roots`)")
        if not Path(folder).is_dir() or not os.access(folder, os.R_OK | os.X_OK):
            raise ProjectRefused("`cwd` is no folder that the server may read")
        self._check_place(folder)
        return folder

    def refusal(self, folder: str) -> str:
        """Why a session may not work any more in the folder that it was made with; empty if it may."""
        try:
            return "" if self.resolve(folder) == folder else "the session's folder leads through a link now"
        except ProjectRefused as refused:
            return f"the session's folder cannot be used: {refused}"

    def _check_place(self, folder: str) -> None:
        own = [os.path.realpath(one) for one in self._data]
        if any(_is_in(one, folder) or _is_in(folder, one) for one in own):
            raise ProjectRefused("`cwd` has the server's own data in it, or lies there; choose another folder")
        if any(_is_in(system, folder) for system in SYSTEM) or any(_is_in(folder, system) for system in NEVER_IN):
            raise ProjectRefused("`cwd` is a folder of the system; choose one below it")


def _is_in(path: str, folder: str) -> bool:
    """Whether an absolute path is the folder or lies in it."""
    return os.path.commonpath((path, folder)) == folder
