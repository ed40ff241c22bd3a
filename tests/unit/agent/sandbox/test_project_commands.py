"""Commands in a project folder: at its own path, what others obey is read-only, and the tree stays its user's, byte for byte."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox.local.probe import probe
from tests.support.sandbox.project_work import work_as

pytestmark = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")
USER = 60_701
"""Some user of the machine who is neither root nor the one of root's sandboxes."""


def tree(root: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Each name with its mode, owner, group, change time and content."""
    found = {}
    for path in [root, *root.rglob("*")]:
        state = path.lstat()
        data = b"" if not path.is_file() else path.read_bytes()
        made = state.st_mtime_ns if path.is_file() else 0
        found[str(path.relative_to(root))] = (state.st_mode, state.st_uid, state.st_gid, made, data)
    return found


def make(root: Path) -> None:
    for name in (".git/hooks", ".vscode", "src", "node_modules/left", "sealed", "../outside"):
        (root / name).mkdir(parents=True)
    (root / ".git" / "config").write_text("[core]\n")
    (root / ".gitignore").write_text("node_modules/\n*.log\n!kept.log\n[z-a]\n")
    for path in ("src/main.py", "src/a.log", "src/kept.log", "node_modules/left/pad.js", "../outside/x"):
        (root / path).write_text("needle\n")
    (root / "src" / ".gitignore").write_text("/secret.txt\n")
    (root / "src" / "secret.txt").write_text("needle\n")
    (root / "sealed").chmod(0o500)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize(
    ("server", "owner"),
    [
        pytest.param(os.geteuid(), os.geteuid(), id="the server's own user's"),
        *([pytest.param(0, USER, id="root's server, a user's folder"), pytest.param(USER, USER, id="a user's both")]
          if os.geteuid() == 0 else []),
    ],
)  # fmt: skip
def test_a_session_leaves_a_project_folder_as_it_was_but_for_what_it_was_asked_to_do(
    folder: Path, server: int, owner: int
) -> None:
    root, data = folder / "shop", folder / "data"
    make(root)
    data.mkdir()
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.lchown(path, owner, owner)
    if server != os.geteuid():
        os.chown(data, server, server)
    before = tree(root)
    work_as(server, root, data, folder / "answer")
    done: dict[str, Any] = json.loads((folder / "answer").read_text())
    roots_own = server == 0 and owner == 0  # commands run as somebody who may not write there
    assert done["pwd"] == [0, str(root), ""]
    assert done["echo $HOME"][1] == "/tmp"
    assert done["cat src/main.py"][1] == "needle"
    for guarded in (".git/config", ".git/hooks/pre-commit", ".vscode/tasks.json"):
        code, output, _ = done[f"echo evil >{guarded}"]
        assert code != 0 and ("Read-only" in output or roots_own), (guarded, output)
    assert done["mv .git moved"][0] != 0
    if not roots_own:
        assert ".envrc" in done["echo evil >.envrc"][2]
        assert (root / "made.txt").stat().st_uid == owner
    assert done["ls $HOME/.. && ls ../outside"][0] != 0
    shown = {".gitignore", ".vscode", "sealed", "src", "src/.gitignore", "src/kept.log", "src/main.py"}
    if server == os.geteuid():
        assert set(done["list"]) - {"made.txt", ".envrc"} == shown
        assert done["list ignored"] == ["node_modules/left", "node_modules/left/pad.js"]
        assert done["grep"] == ["src/kept.log", "src/main.py"]
    after = tree(root)
    for made in ("made.txt", ".envrc"):
        after.pop(made, None)
    assert after == before
    assert not (data / "workspaces" / "one").exists()
