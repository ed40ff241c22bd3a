"""Fixtures of these tests: the packed package and the bundles of the pages that use it, made once."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.documents import examples
from tests.support.packages.javascript import install_packed
from tests.unit.clients.web import HERE as TESTS

HERE = Path(__file__).parent
ESBUILD = TESTS / "node_modules" / ".bin" / "esbuild"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Gives the script of a page, by its file's name. The hook of the README is beside it."""
    folder = tmp_path_factory.mktemp("pages")
    install_packed(folder)
    (example,) = (one for one in examples("clients/js/README.md", "js") if "useHoldfastChat" in one.text)
    (folder / "use-holdfast-chat.js").write_text(example.text)

    def made(name: str) -> str:
        (folder / name).write_text((HERE / name).read_text())
        options = ["--bundle", "--format=esm", "--jsx=automatic", '--define:process.env.NODE_ENV="development"']
        done = subprocess.run([ESBUILD, name, *options], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return made
