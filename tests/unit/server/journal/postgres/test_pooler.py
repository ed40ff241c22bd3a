"""Poolers: a server reads through one, and goes past it for the lock that keeps others out and all that belongs to a connection."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from server.journal.base import Unavailable
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import open_postgres
from server.journal.postgres.lock import connection_name
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.watched import Watched
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_nodes import answer, node
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.ports import free_port
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer
from tests.unit.server.journal.builders import begin, item, texts

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
NODE = NodesSettings(several=True)
with_pgbouncer = pytest.mark.skipif(not Path(PGBOUNCER).exists(), reason="pgbouncer is not installed")


class Pooled(NamedTuple):
    """A database through a pooler, and past it."""

    url: str
    direct: str
    pooler: "subprocess.Popen[bytes]"


@pytest.fixture
def pooled(request: pytest.FixtureRequest) -> Iterator[Pooled]:
    """A database through PgBouncer in the mode of the test."""
    port = free_port()
    server = PostgresServer(fsync="on", listen_addresses="127.0.0.1", port=str(free_port()))
    with tempfile.TemporaryDirectory(prefix="holdfast-pooler-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "config").write_text(CONFIG.format(server=server.options["port"], port=port, mode=request.param))
        user = ["-u", "nobody"] if Path("/proc/self").owner() == "root" else []
        pooler = subprocess.Popen([PGBOUNCER, "-q", *user, str(folder / "config")], stderr=subprocess.DEVNULL)
        host = "postgresql://holdfast@127.0.0.1"
        yield Pooled(f"{host}:{port}/postgres", f"{host}:{server.options['port']}/postgres", pooler)
        pooler.terminate()
        pooler.wait(10)
    server.remove()


async def answers(pooled: str) -> None:
    """Wait until the pooler does."""

    async def once() -> bool:
        try:
            psycopg.connect(pooled, autocommit=True).close()
        except psycopg.OperationalError:
            return False
        return True

    await eventually(once)


@in_the_long_form
@with_pgbouncer
@pytest.mark.parametrize("pooled", ["transaction", "session"], indirect=True)
async def test_a_server_does_not_start_through_a_pooler_and_says_so_in_one_line(pooled: Pooled) -> None:
    await answers(pooled.url)
    with pytest.raises(CannotStart, match="through a pooler: name the server itself") as refused:
        await open_postgres(pooled.url)
    assert "\n" not in str(refused.value)


@in_the_long_form
@with_pgbouncer
@pytest.mark.parametrize("pooled", ["transaction", "session"], indirect=True)
async def test_past_a_pooler_it_writes_and_through_it_it_reads(pooled: Pooled) -> None:
    await answers(pooled.url)
    journal = await open_postgres(pooled.direct, nodes=NODE, pooler=pooled.url)
    try:
        lease = await begin(journal)
        for n in range(20):
            await journal.append(item(lease, n, str(n)))
        everything = await texts(journal)
        assert everything == [str(n) for n in range(20)]
        again = await asyncio.gather(*(texts(journal) for _ in range(40)))
        assert all(one == everything for one in again)
        with psycopg.connect(pooled.url, autocommit=True, prepare_threshold=None) as connection:
            for setting in ("default_transaction_read_only", "transaction_read_only"):
                assert connection.execute(f"SHOW {setting}".encode()).fetchone() == ("off",), "nothing is left behind"
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        pooled.pooler.kill()
        pooled.pooler.wait(10)
        with pytest.raises(Unavailable):
            await texts(journal)
        await journal.append(item(lease, 20, "stored all the same"))
    finally:
        await journal.aclose()


@in_the_long_form
@with_pgbouncer
@pytest.mark.parametrize("pooled", ["transaction"], indirect=True)
async def test_servers_that_read_through_a_pooler_lose_nothing_that_clients_saw_when_one_of_them_is_lost(
    pooled: Pooled, zygote: Zygote, tmp_path: Path
) -> None:
    await answers(pooled.url)
    async with contextlib.AsyncExitStack() as ends:
        model = await ends.enter_async_context(ScriptedModel(answer, allow_complaints=True))
        made = []
        for name in "ab":
            settings = node(tmp_path / name / "data", model, pooled.url)
            journal = msgspec.structs.replace(settings.journal, direct_url=pooled.direct)
            server = ServerProcess(zygote, tmp_path / name, msgspec.structs.replace(settings, journal=journal))
            made.append(await ends.enter_async_context(server))
            await server.start()
        session = Watched(made[0], made[1])
        await session.begin(at=0)
        await session.say(1, "hello")
        await session.say(1, "tell")
        await session.until_seen_in_part("Once upon")
        await made[0].kill()
        await session.until_seen(1, "They lived.", "Once upon")
        await made[0].start()
        await session.come_back(0)
        await session.say(0, "and again?")
        for at in (0, 1):
            await session.until_seen(at, "They lived.", "Once upon", "They lived.")
        assert await session.check(Databases(pooled.direct), "postgres")


async def test_past_a_pooler_go_the_lock_the_beat_and_words_and_only_readers_go_through_it(
    database: str, postgres: Databases
) -> None:
    name = f"pooler_{os.getpid()}"
    postgres.execute(f"CREATE ROLE {name} SUPERUSER LOGIN", "postgres")
    try:
        by_role = conninfo_to_dict(database)["dbname"]
        journal = await open_postgres(database, nodes=NODE, pooler=postgres.url_of(str(by_role), user=name))
        try:
            lease = await begin(journal)
            await journal.append(item(lease, 0, "one"))
            await asyncio.gather(*(texts(journal) for _ in range(8)))
            with psycopg.connect(database) as connection:
                found = connection.execute(
                    "SELECT usename = %s, application_name FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                    (name,),
                ).fetchall()
            through = {who for pooled, who in found if pooled}
            past = sorted(who for pooled, who in found if not pooled)
            assert through == {connection_name()}
            assert past == sorted(
                [connection_name(), *(f"{connection_name()} {word}" for word in ("beat", "listen", "notify"))]
            )
        finally:
            await journal.aclose()
        with pytest.raises(CannotStart, match="is another database than"):
            await open_postgres(database, pooler=postgres.url_of("postgres", user=name))
    finally:
        postgres.execute(f"DROP ROLE {name}", "postgres")
