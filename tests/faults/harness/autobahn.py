"""Autobahn test suite: finds the old Python that it needs on this machine, and makes an environment for it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv<20.22"
"""The last that makes environments of Python 2.7."""
FOLDER = Path(sys.prefix) / "autobahn"
"""Inside our own environment: made once, and gone with it."""
INSTALL_S, RUN_S = 300.0, 900.0


class Verdict(msgspec.Struct):
    """What the suite says of one case: of what was exchanged, and of how the connection was closed."""

    behavior: str
    behavior_close: str = msgspec.field(name="behaviorClose")
    remote_close_code: int | None = msgspec.field(name="remoteCloseCode", default=None)


class NotHere(Exception):
    """The suite cannot be had on this machine; the message says what to do."""


def wstest() -> Path:
    """The suite's command, installed if it is not yet. Raises `NotHere`."""
    command = FOLDER / "bin" / "wstest"
    if command.exists():
        return command
    shutil.rmtree(FOLDER, ignore_errors=True)
    python = _python2()
    tools = FOLDER / "tools"
    quiet = ["--quiet", "--disable-pip-version-check"]
    _run(python, "-m", "pip", "install", *quiet, "--target", str(tools), VIRTUALENV)
    _run(python, "-m", "virtualenv", "--quiet", "--no-download", str(FOLDER), path=tools)
    _run(FOLDER / "bin" / "python", "-m", "pip", "install", *quiet, SUITE)
    return command


def run(url: str, cases: list[str], reports: Path) -> dict[str, Verdict]:
    """Run these cases against the echo at `url`: the verdict by case. Raises `NotHere`, and `RuntimeError` if it fails."""
    reports.mkdir(parents=True, exist_ok=True)
    spec = {
        "outdir": str(reports),
        "servers": [{"agent": "holdfast", "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (reports / "spec.json").write_text(json.dumps(spec))
    command = [str(wstest()), "--mode", "fuzzingclient", "--spec", str(reports / "spec.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=False)
    index = reports / "index.json"
    if done.returncode or not index.exists():
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2_000:]}{done.stderr}")
    return msgspec.json.decode(index.read_bytes(), type=dict[str, dict[str, Verdict]])["holdfast"]


def _python2() -> Path:
    for path in _candidates():
        try:
            probe = subprocess.run([path, "-c", "import pip"], capture_output=True, timeout=INSTALL_S, check=False)
        except OSError:
            continue
        if probe.returncode == 0:
            return path
    raise NotHere(
        "the Autobahn test suite runs on Python 2.7 alone, and none with pip was found: install one (for example "
        "`pyenv install 2.7.18`), put it on the PATH as python2.7 or name it in HOLDFAST_PYTHON2"
    )


def _candidates() -> Iterator[Path]:
    named = os.environ.get("HOLDFAST_PYTHON2") or shutil.which("python2.7")
    if named:
        yield Path(named)
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(versions.glob("2.7*/bin/python2.7"), reverse=True)


def _run(python: Path, *args: str, path: Path | None = None) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    command = [str(python), *args]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise NotHere(f"the Autobahn test suite could not be installed: {' '.join(command)}\n{done.stderr[-2_000:]}")
