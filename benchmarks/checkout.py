"""Checkout of another commit: a git worktree in a temporary folder, with an environment of its own."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.processes import ROOT, Build

PACKAGES = ("agent", "clients", "protocol", "server")
SET_UP = Path("scripts") / "set_up.py"


class CheckoutError(Exception):
    """The commit could not be checked out or set up: which command failed, and what it wrote."""


def commit_of(reference: str, root: Path = ROOT) -> str:
    """The hash of the commit that a branch, tag or hash names. Raises CheckoutError."""
    return _run(
        ["git", "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"], root, f"no commit {reference!r}"
    )


@contextlib.contextmanager
def checked_out(reference: str, root: Path = ROOT) -> Iterator[Build]:
    """The commit in a folder that is removed afterwards, installed from its own lock file. Raises CheckoutError.

    Its own `scripts/set_up.py` makes its environment, so pip's or uv's cache serves what both builds need.
    """
    commit = commit_of(reference, root)
    with tempfile.TemporaryDirectory(prefix="holdfast-compare-") as parent:
        folder = Path(parent) / "checkout"
        _run(["git", "worktree", "add", "--detach", "--quiet", str(folder), commit], root)
        try:
            yield set_up(folder, f"{reference} ({commit[:7]})" if not commit.startswith(reference) else commit[:7])
        finally:
            _run(["git", "worktree", "remove", "--force", str(folder)], root)


def set_up(folder: Path, title: str) -> Build:
    """Make the environment of a checkout and compile its packages. Raises CheckoutError."""
    if not (folder / SET_UP).is_file():
        raise CheckoutError(f"{title} has no {SET_UP}: only commits that have one can be set up")
    _run([sys.executable, str(SET_UP)], folder)
    programs = folder / ".venv" / "bin"
    packages = [name for name in PACKAGES if (folder / name).is_dir()]
    _run([str(programs / "python"), "-m", "compileall", "-q", *packages], folder)
    return Build(title, folder, programs / "holdfast")


def _run(command: Sequence[str], folder: Path, fault: str = "") -> str:
    """The standard output of a command. Raises CheckoutError."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckoutError(f"{fault or ' '.join(command)}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout.strip()
