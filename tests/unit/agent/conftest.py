"""Fixtures: what the tests of tools share."""

from pathlib import Path

import pytest

from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.unit.agent.workspace.workspaces import GO, SECRET


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_bytes(SECRET)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "sessions" / "one", WorkspaceLimits())
    made.write("mine.txt", b"mine", GO)
    return made
