"""JavaScript package under Node: the tests of its modules, its types, its size and what package.json says."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from server import __version__
from tests.support.node import node_command
from tests.support.packages.javascript import PACKAGE
from tests.support.paths import ROOT
from tests.unit.clients.js import HERE
from tests.unit.clients.web import HERE as TESTS

SIZE_MAX = 15_000
"""Bytes of `.` in the bundle of a page, compressed."""
MANIFEST = json.loads((PACKAGE / "package.json").read_text())


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_modules_do_what_their_tests_say(script: str) -> None:
    code, output = run(node_command(), "--test", "--test-reporter=spec", script)
    assert code == 0, output
    assert "pass 0" not in output


def test_the_declarations_are_what_the_modules_make() -> None:
    code, output = run(sys.executable, ROOT / "scripts" / "js_types.py", "--check")
    assert code == 0, output


def test_the_package_has_the_version_of_the_server_and_no_dependencies() -> None:
    assert MANIFEST["version"] == __version__
    assert "dependencies" not in MANIFEST
    for entry in MANIFEST["exports"].values():
        assert all((PACKAGE / path).is_file() for path in entry.values()), entry


def test_what_a_page_gets_of_the_package_is_small() -> None:
    bundle = ["--bundle", "--format=esm", "--minify"]
    command: list[str | Path] = [TESTS / "node_modules" / ".bin" / "esbuild", PACKAGE / "src" / "holdfast.js", *bundle]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    assert b"holdfast.v1.json" in made
    assert len(gzip.compress(made, 9)) <= SIZE_MAX
