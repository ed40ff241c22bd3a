"""Workspaces with snapshots: a workspace, the store of its snapshots, and all that the workspace holds, for their tests."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.workspace import restoring
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.snapshots import SnapshotStore, SnapshotTaken
from agent.workspace.workspace import Workspace
from tests.unit.agent.workspace.workspaces import GO, SECRET

FAR = 1 << 40


class Place:
    """A workspace, the store of its snapshots, and a folder outside with a secret."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / "workspaces" / "one", msgspec.convert(limits, WorkspaceLimits))
        self.root = self.workspace.root
        os.close(self.workspace.make_root())
        self.store = self.reopened()
        self.outside = folder / "outside"
        self.outside.mkdir(exist_ok=True)
        (self.outside / "secret.txt").write_bytes(SECRET)

    def reopened(self) -> SnapshotStore:
        """The store as a new process finds it."""
        return SnapshotStore(self.folder / "snapshots" / "one", self.workspace)

    def take(self, number: int, bytes_max: int = FAR) -> SnapshotTaken:
        return self.store.take(f"turn-{number}", bytes_max, GO)

    def back(self, number: int) -> restoring.Restored:
        """Restore, as a session does: what is there now is saved first."""
        self.store.take("restore-99", FAR, GO, keep=f"turn-{number}")
        return self.store.restore(f"turn-{number}", "restore-99", GO)

    def tree(self) -> dict[str, object]:
        """All names with their kinds, modes and contents."""
        return dict(_tree(self.root))


def _tree(root: Path) -> Iterator[tuple[str, object]]:
    for folder, below, files in os.walk(root):
        for name in (*below, *files):
            path = Path(folder, name)
            state = path.lstat()
            mode = stat.S_IMODE(state.st_mode)
            content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
            what = str(path.readlink()) if path.is_symlink() else (stat.S_IFMT(state.st_mode), mode, content)
            yield str(path.relative_to(root)), what


def fill(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "deep.txt").write_text("deep")
    (root / "top.txt").write_text("top")
    (root / "tool.sh").write_text("#!/bin/sh\n")
    (root / "tool.sh").chmod(0o755)
    (root / "link").symlink_to("top.txt")
    os.mkfifo(root / "pipe", 0o640)
    (root / "empty").mkdir(0o750)
    (root / os.fsdecode(b"not-\xff-utf8")).write_bytes(b"\0\1")
