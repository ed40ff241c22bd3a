"""Poolers: a server does not start through one, which would take away the lock that keeps others out and what is prepared."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import open_postgres
from tests.faults.harness.lengths import in_the_long_form
from tests.support.network.ports import free_port
from tests.support.polling import eventually
from tests.support.postgres.server import PostgresServer

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
CONFIG = """
[databases]
postgres = host=127.0.0.1 port={server} dbname=postgres user=holdfast
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
"""
pytestmark = [in_the_long_form, pytest.mark.skipif(not Path(PGBOUNCER).exists(), reason="pgbouncer is not installed")]


@pytest.fixture
def pooled(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database through PgBouncer in the mode of the test."""
    port = free_port()
    server = PostgresServer(fsync="on", listen_addresses="127.0.0.1", port=str(free_port()))
    with tempfile.TemporaryDirectory(prefix="holdfast-pooler-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "config").write_text(CONFIG.format(server=server.options["port"], port=port, mode=request.param))
        user = ["-u", "nobody"] if Path("/proc/self").owner() == "root" else []
        pooler = subprocess.Popen([PGBOUNCER, "-q", *user, str(folder / "config")], stderr=subprocess.DEVNULL)
        yield f"postgresql://holdfast@127.0.0.1:{port}/postgres"
        pooler.terminate()
        pooler.wait(10)
    server.remove()


@pytest.mark.parametrize("pooled", ["transaction", "session"], indirect=True)
async def test_a_server_does_not_start_through_a_pooler_and_says_so_in_one_line(pooled: str) -> None:
    async def answers() -> bool:
        try:
            psycopg.connect(pooled, autocommit=True).close()
        except psycopg.OperationalError:
            return False
        return True

    await eventually(answers)
    with pytest.raises(CannotStart, match="through a pooler: name the server itself") as refused:
        await open_postgres(pooled)
    assert "\n" not in str(refused.value)
