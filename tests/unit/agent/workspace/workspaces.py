"""Workspaces under test: a secret outside of them, checks of refusals, a folder's content."""

import threading
from pathlib import Path

import pytest

from agent.workspace.paths import WorkspaceError
from agent.workspace.workspace import Workspace

SECRET = b"the neighbour's secret"
GO = threading.Event()
"""A stop flag that is never set."""


def refused(workspace: Workspace, path: str, why: str) -> None:
    """Every way in is refused with the reason."""
    for attempt in (
        lambda: workspace.read(path),
        lambda: workspace.write(path, b"x", GO),
        lambda: workspace.listing(path, True),
    ):
        with pytest.raises(WorkspaceError, match=why):
            attempt()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
