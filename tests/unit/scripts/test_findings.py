"""Findings: each script pins what it installs, says first what was seen, and is run by `make findings`. They are run outside of the tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPTS = sorted((ROOT / "findings").glob("*"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_the_form_of_a_finding(script: Path) -> None:
    text = script.read_text()
    comment = re.match(r"#!/usr/bin/env bash\n((?:# .*\n)+)set -euo pipefail\n", text)
    assert comment is not None, "a comment, then `set -euo pipefail`"
    assert re.search(r"\d+\.\d+", comment[1].splitlines()[0]), "the first line names versions"
    assert "\n# Output seen" in comment[1] and "\n# Fails if " in comment[1]
    assert "mktemp -d" in text and "trap 'rm -rf " in text
    assert "holdfast" not in text.lower(), "it is about other software alone"
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_runner_fails_where_no_script_is_run() -> None:
    command: list[str | Path] = [sys.executable, ROOT / "scripts" / "findings.py", "no such finding"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "0 as seen, 0 changed" in done.stdout
