"""JavaScript package: packed by npm and installed from that into an empty folder, as whoever uses it does."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.node import node_command
from tests.support.paths import ROOT

PACKAGE = ROOT / "clients" / "js"
LIBRARIES = ROOT / "tests" / "support" / "npm" / "packages" / "node_modules"
"""The libraries that the package is used with, and the versions of Node.js that run it."""


def npm(*arguments: str | Path, folder: Path) -> str:
    """What npm prints. It is the machine's own, or that beside the `node` of the tests."""
    node = Path(node_command())
    found = shutil.which("npm")
    command = [found] if found else [node, node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    quiet = ["--offline", "--no-audit", "--no-fund", "--loglevel=error"]
    path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, *arguments, *quiet],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_packed(folder: Path) -> Path:
    """Pack the package and install it in the folder, beside the libraries of the tests. Returns where it is then."""
    name = npm("pack", PACKAGE, folder=folder).splitlines()[-1]
    (folder / "package.json").write_text('{"name": "consumer", "private": true, "type": "module"}')
    npm("install", "--legacy-peer-deps", f"./{name}", folder=folder)
    modules = folder / "node_modules"
    for library in LIBRARIES.iterdir():
        if not library.name.startswith("."):
            (modules / library.name).symlink_to(library)
    return modules / "holdfast-client"
