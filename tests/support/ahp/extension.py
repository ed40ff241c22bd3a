"""Extension for VS Code: its package, made by the program that publishes extensions."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.node import node_command
from tests.support.paths import ROOT

VSCE = ROOT / "tests" / "support" / "npm" / "vscode" / "node_modules" / "@vscode" / "vsce" / "vsce"


def packaged(folder: Path) -> Path:
    """Make the package in the folder, of copies of the extension and of the page. Returns where it is."""
    if not VSCE.exists():
        pytest.fail("@vscode/vsce is missing: run `make test` once, it installs it", pytrace=False)
    package = folder / "holdfast.vsix"
    for name in ("vscode", "web"):
        shutil.copytree(ROOT / "clients" / name, folder / "clients" / name)
    node = Path(node_command())
    given = ["package", "--allow-missing-repository", "--skip-license", "-o", str(package)]
    done = subprocess.run(
        [node, VSCE, *given],
        cwd=folder / "clients/vscode",
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return package
