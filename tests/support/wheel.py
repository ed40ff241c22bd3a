"""Wheel: builds Holdfast's wheel and sdist with the locked build backend, and installs the wheel into an environment of its own."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import msgspec

from tests.support.paths import ROOT

BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
DEPENDENCIES = Path(msgspec.__file__).parents[1]
"""The `site-packages` of the environment that runs the tests."""
PATH_FILE = "dependencies_of_the_tests.pth"
"""By which an environment sees them."""


def packages() -> list[str]:
    """The top-level packages that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return sorted(name for name in project["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in name)


def copy_sources(folder: Path) -> Path:
    """Copy what a build reads; a build in the checkout itself would leave files there, and take up older ones."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in packages():
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def build(kind: str, sources: Path, target: Path) -> Path:
    """Build a `wheel` or an `sdist` as pip does without build isolation: nothing is downloaded. Returns the file."""
    target.mkdir(exist_ok=True)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{kind}", str(target)],
        cwd=sources,
        env={**os.environ, "SOURCE_DATE_EPOCH": "946684800"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target / built.stdout.splitlines()[-1]


def names(wheel: Path) -> set[str]:
    """The files that a wheel puts into `site-packages`, without its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into a new environment at `folder`; its dependencies are the tests' own. Returns its `bin`."""
    uv = shutil.which("uv")
    python = folder / "bin" / "python"
    if uv:
        commands: list[list[str | Path]] = [
            [uv, "venv", "--quiet", "--offline", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", "--without-pip", folder],
            [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel],
        ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file comes after `site-packages`, and the .pth files in it are not read: no checkout comes in by it.
    (site / PATH_FILE).write_text(f"{DEPENDENCIES}\n")
    return folder / "bin"
