"""Outages of the database that two nodes share: one is cut off in one direction, what one listens on is half open, the disk is full. What
clients saw is looked up.
"""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from protocol import codes
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.watched import Watched
from tests.faults.process.disks import fill, small_disk
from tests.faults.process.process import Zygote
from tests.faults.storage.test_nodes import answer, servers
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.tcp_link import Direction
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer

LISTENS = "SELECT client_port FROM pg_stat_activity WHERE application_name LIKE '% listen' AND client_port > 0"


@contextlib.asynccontextmanager
async def first_by_proxy(
    zygote: Zygote, folder: Path, tcp_server: PostgresServer, name: str
) -> AsyncIterator[tuple[TcpProxy, Watched]]:
    """Two nodes, of which the first reaches the database through a proxy."""
    async with contextlib.AsyncExitStack() as ends:
        proxy = await ends.enter_async_context(TcpProxy("127.0.0.1", int(tcp_server.options["port"])))
        model = await ends.enter_async_context(ScriptedModel(answer, allow_complaints=True))
        at = tcp_server.tcp_url_of(name).replace(f":{tcp_server.options['port']}/", f":{proxy.port}/")
        urls = f"{at}?connect_timeout=2", tcp_server.url_of(name)
        a, b = await ends.enter_async_context(servers(zygote, folder, urls, model))
        yield proxy, Watched(a, b)


@pytest.mark.parametrize("direction", ["up", pytest.param("down", marks=in_the_long_form)])
async def test_a_node_that_is_cut_off_one_way_loses_its_sessions_and_nothing_that_was_seen(
    zygote: Zygote, tmp_path: Path, tcp_server: PostgresServer, tcp_database: str, direction: Direction
) -> None:
    async with first_by_proxy(zygote, tmp_path, tcp_server, tcp_database) as (proxy, session):
        await session.begin(at=0)
        await session.say(0, "tell")
        await session.until_seen_in_part("Once upon")
        await session.say(1, "and then?")
        await session.followers[0].until(lambda: bool(session.followers[0].view.queued))
        proxy.blackhole(direction)
        await session.until_seen(1, "Once upon", "They lived.")
        proxy.flow()
        await session.until_seen(0, "Once upon", "They lived.")
        await session.say(0, "back?")
        for at in (0, 1):
            await session.until_seen(at, "Once upon", "They lived.", "They lived.")
        assert await session.check(Databases(tcp_server.url), tcp_database)


async def test_a_node_whose_listening_connection_is_half_open_misses_nothing_and_listens_anew(
    zygote: Zygote, tmp_path: Path, tcp_server: PostgresServer, tcp_database: str
) -> None:
    databases = Databases(tcp_server.url)
    async with first_by_proxy(zygote, tmp_path, tcp_server, tcp_database) as (proxy, session):
        await session.begin(at=1)
        ((port,),) = databases.execute(LISTENS, tcp_database)
        (listening,) = [link for link in proxy.links if link.port == port]
        proxy.blackhole(link=listening)
        await session.say(1, "hello")
        await session.until_seen(0, "They lived.")
        await session.say(0, "and again?")
        for at in (0, 1):
            await session.until_seen(at, "They lived.", "They lived.")
        await eventually(
            lambda: databases.execute(LISTENS, tcp_database) not in ([], [(port,)]), "another listening connection"
        )
        assert await session.check(databases, tcp_database)


async def test_while_the_databases_disk_is_full_submissions_are_refused_and_afterwards_all_goes_on(
    zygote: Zygote, tmp_path: Path
) -> None:
    with small_database() as (server, ballast):
        databases = Databases(server.url)
        name = databases.make(empty=True)
        urls = server.url_of(name), server.url_of(name)
        async with (
            ScriptedModel(answer, allow_complaints=True) as model,
            servers(zygote, tmp_path, urls, model) as (a, b),
        ):
            watched = Watched(a, b)
            await watched.begin(at=0)
            await watched.say(1, "hello")
            await watched.until_seen(0, "They lived.")
            fill(ballast)
            large = os.urandom(100_000).hex()
            for at in (0, 1):
                refused = await watched.refused(at, large)
                assert refused.code == codes.JOURNAL_UNAVAILABLE and refused.retryable
                assert "the server lacks disk" in refused.message and "No space left on device" in refused.message
            ballast.unlink()
            await watched.say(1, large)
            for at in (0, 1):
                await watched.until_seen(at, "They lived.", "They lived.")
            assert await watched.check(databases, name)


@contextlib.contextmanager
def small_database() -> Iterator[tuple[PostgresServer, Path]]:
    """A database server on a small disk, and where a file on it fills that."""
    with tempfile.TemporaryDirectory(prefix="holdfast-small-") as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        with small_disk(Path(folder), "96m") as mounted:
            if not mounted:
                pytest.skip("no file system may be mounted here")
            server = PostgresServer(place=Path(folder))
            try:
                yield server, Path(folder) / "ballast"
            finally:
                server.remove()
