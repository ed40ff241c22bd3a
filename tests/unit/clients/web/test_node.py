"""Page modules under Node: their own tests, and their types against those of the protocol."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.node import node_command
from tests.unit.clients.web import HERE, LIBRARY

TSC = HERE / "node_modules" / "typescript" / "bin" / "tsc"
SCRIPTS = sorted(path.name for path in HERE.glob("*.test.mjs"))


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([node_command(), *command], cwd=HERE, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_modules_do_what_their_tests_say(script: str) -> None:
    code, output = run("--test", "--test-reporter=spec", script)
    assert code == 0, output
    assert "pass 0" not in output


def test_the_types_of_the_page_fit_together_and_fit_the_protocol() -> None:
    code, output = run(TSC, "-p", "tsconfig.json")
    assert code == 0, output


def test_a_misspelt_field_of_the_protocol_is_found(tmp_path: Path) -> None:
    """The check looks at the page's modules at all, and knows the wire."""
    view = (LIBRARY / "view.js").read_text().replace("event.removed_messages)", "event.removed_message)")
    assert "event.removed_message)" in view
    folder = tmp_path / "js"
    shutil.copytree(LIBRARY.parent, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "src" / "view.js").write_text(view)
    settings = HERE / "tsconfig.json"
    config = f'{{"extends": "{settings}", "include": ["js/src/*.js"], "compilerOptions": {{"paths": {{}}}}}}'
    (tmp_path / "tsconfig.json").write_text(config)
    code, output = run(TSC, "-p", tmp_path / "tsconfig.json")
    assert code != 0
    assert "removed_message" in output
