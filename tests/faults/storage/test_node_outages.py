"""Outages of the database that two nodes share: one is cut off, in one direction or both, or slow; what one listens on is half open; the
database stops, can only be read, or its disk is full. What clients saw is looked up.
"""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from protocol import codec, codes
from protocol import events as ev
from protocol.submissions import Interrupt
from tests.faults.harness.follower import Follower
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.node_counts import count
from tests.faults.harness.watched import Watched, texts
from tests.faults.process.disks import fill, small_disk
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_nodes import LEASE_S, PATIENT_LEASE_S, answer, servers
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.http_client import http_client
from tests.support.network.tcp_link import Direction
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer

LISTENS = "SELECT client_port FROM pg_stat_activity WHERE application_name LIKE '% listen' AND client_port > 0"

SAID = 8
SLOW_LEASE_S = 4.0
"""Each step of a beat takes its time, on a machine that may be busy too."""


@contextlib.asynccontextmanager
async def first_by_proxy(
    zygote: Zygote, folder: Path, tcp_server: PostgresServer, name: str, lease_s: float = LEASE_S
) -> AsyncIterator[tuple[TcpProxy, Watched]]:
    """Two nodes, of which the first reaches the database through a proxy."""
    async with contextlib.AsyncExitStack() as ends:
        proxy = await ends.enter_async_context(TcpProxy("127.0.0.1", int(tcp_server.options["port"])))
        model = await ends.enter_async_context(ScriptedModel(answer, allow_complaints=True))
        at = tcp_server.tcp_url_of(name).replace(f":{tcp_server.options['port']}/", f":{proxy.port}/")
        urls = f"{at}?connect_timeout=2", tcp_server.url_of(name)
        a, b = await ends.enter_async_context(servers(zygote, folder, urls, model, lease_s))
        yield proxy, Watched(a, b)


@pytest.mark.parametrize(
    "how", ["up", *(pytest.param(one, marks=in_the_long_form) for one in ("down", "both ways", "reset"))]
)
async def test_a_node_that_is_cut_off_one_way_or_both_loses_its_sessions_and_nothing_that_was_seen(
    zygote: Zygote,
    tmp_path: Path,
    tcp_server: PostgresServer,
    tcp_database: str,
    how: Direction | Literal["both ways", "reset"],
    tally: Counter[str],
) -> None:
    async with first_by_proxy(zygote, tmp_path, tcp_server, tcp_database) as (proxy, session):
        await session.begin(at=0)
        await session.say(0, "tell")
        await session.until_seen_in_part("Once upon")
        await session.say(1, "and then?")
        await session.followers[0].until(lambda: bool(session.followers[0].view.queued))
        if how == "reset":
            await proxy.refuse()
            await proxy.cut()
        else:
            proxy.blackhole(None if how == "both ways" else how)
        await session.until_seen(1, "Once upon", "They lived.")
        proxy.flow()
        await proxy.accept()
        await session.until_seen(0, "Once upon", "They lived.")
        await session.say(0, "back?")
        for at in (0, 1):
            await session.until_seen(at, "Once upon", "They lived.", "They lived.")
        tally["cuts from the database"] += 1
        await count(tally, "cuts from the database", Databases(tcp_server.url), tcp_database, session)


@in_the_long_form
async def test_a_node_whose_database_is_slow_keeps_its_sessions(
    zygote: Zygote, tmp_path: Path, tcp_server: PostgresServer, tcp_database: str, tally: Counter[str]
) -> None:
    loop = asyncio.get_running_loop()
    async with first_by_proxy(zygote, tmp_path, tcp_server, tcp_database, SLOW_LEASE_S) as (proxy, session):
        await session.begin(at=0)
        proxy.delay(0.03)
        await session.say(0, "tell")
        await session.until_seen_in_part("Once upon")
        until = loop.time() + 2 * SLOW_LEASE_S
        for number in range(SAID):
            await session.say(1, f"and then? {number}")
        while loop.time() < until:
            await session.name(1, f"a story {loop.time()}")  # each takes its way through the database several times
        await session.followers[1].send(Interrupt(id="stop"))
        for at in (0, 1):
            await session.until_seen(at, "Once upon", *["They lived."] * SAID)
            assert [one.reason for one in ends(session.followers[at])] == ["user"]
        tally["slow databases"] += 1
        await count(tally, "slow databases", Databases(tcp_server.url), tcp_database, session)


@in_the_long_form
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
@pytest.mark.parametrize("longer", [False, True], ids=["shorter", "longer"])
async def test_a_database_that_stops_ends_turns_if_it_is_away_for_longer_than_the_lease(
    zygote: Zygote,
    tmp_path: Path,
    tcp_server: PostgresServer,
    tcp_database: str,
    how: signal.Signals,
    longer: bool,
    tally: Counter[str],
) -> None:
    urls = tcp_server.url_of(tcp_database), tcp_server.url_of(tcp_database)
    lease_s = LEASE_S if longer else PATIENT_LEASE_S
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        servers(zygote, tmp_path, urls, model, lease_s) as nodes,
    ):
        session = Watched(*nodes)
        await session.begin(at=0)
        await session.say(1, "tell")
        await session.until_seen_in_part("Once upon")
        tcp_server.stop(how)
        if longer:
            for one in nodes:
                await eventually(partial(ready, one, 503))
        tcp_server.start()
        for one in nodes:
            await eventually(partial(ready, one, 200))
        if not longer:
            await session.say(1, "and then?")
            assert session.followers[1].view.turn_id, "it still runs"
            await session.followers[1].send(Interrupt(id="stop"))
        for at in (0, 1):
            await session.until_at_rest(at)
            assert [one.reason for one in ends(session.followers[at])] == ["restart" if longer else "user"]
        await session.say(0, "hello")
        for at in (0, 1):
            await session.until_at_rest(at)
            assert texts(session.followers[at].view)[0] == "Once upon"
        tally["stops of the database"] += 1
        await count(tally, "stops of the database", Databases(tcp_server.url), tcp_database, session)


@in_the_long_form
async def test_a_primary_that_becomes_read_only_ends_turns_and_all_goes_on_once_it_can_be_written(
    zygote: Zygote, tmp_path: Path, tcp_server: PostgresServer, tcp_database: str, tally: Counter[str]
) -> None:
    databases = Databases(tcp_server.url)
    urls = tcp_server.url_of(tcp_database), tcp_server.url_of(tcp_database)
    async with ScriptedModel(answer, allow_complaints=True) as model, servers(zygote, tmp_path, urls, model) as nodes:
        session = Watched(*nodes)
        await session.begin(at=0)
        await session.say(1, "tell")
        await session.until_seen_in_part("Once upon")
        databases.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        databases.execute("SELECT pg_reload_conf()")
        try:
            for one in nodes:
                await eventually(partial(ready, one, 503))
        finally:
            databases.execute("ALTER SYSTEM RESET default_transaction_read_only")
            databases.execute("SELECT pg_reload_conf()")
        await session.say(0, "hello")
        for at in (0, 1):
            await session.until_seen(at, "Once upon", "They lived.")
            assert [one.reason for one in ends(session.followers[at])] == ["restart"]
        tally["databases that could only be read"] += 1
        await count(tally, "databases that could only be read", databases, tcp_database, session)


async def ready(node: ServerProcess, status: int) -> bool:
    async with http_client(node.http) as http:
        return (await http.get("/readyz")).status_code == status


def ends(follower: Follower) -> list[ev.Interrupted]:
    """The turns that were cut short, as this client saw it."""
    seen = [codec.decode_event(data) for data in follower.seen]
    return [one for one in seen if isinstance(one, ev.Interrupted)]


@pytest.mark.parametrize("how", ["half open", pytest.param("cut", marks=in_the_long_form)])
async def test_a_node_whose_listening_connection_is_half_open_or_cut_misses_nothing_and_listens_anew(
    zygote: Zygote, tmp_path: Path, tcp_server: PostgresServer, tcp_database: str, how: str, tally: Counter[str]
) -> None:
    databases = Databases(tcp_server.url)
    async with first_by_proxy(zygote, tmp_path, tcp_server, tcp_database) as (proxy, session):
        await session.begin(at=1)
        ((port,),) = databases.execute(LISTENS, tcp_database)
        (listening,) = [link for link in proxy.links if link.port == port]
        if how == "cut":
            await proxy.cut(listening)
        else:
            proxy.blackhole(link=listening)
        await session.say(1, "hello")
        await session.until_seen(0, "They lived.")
        await session.say(0, "and again?")
        for at in (0, 1):
            await session.until_seen(at, "They lived.", "They lived.")
        await eventually(
            lambda: databases.execute(LISTENS, tcp_database) not in ([], [(port,)]), "another listening connection"
        )
        tally["cuts of what one listens on"] += 1
        await count(tally, "cuts of what one listens on", databases, tcp_database, session)


async def test_while_the_databases_disk_is_full_submissions_are_refused_and_afterwards_all_goes_on(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
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
            tally["full disks of the database"] += 1
            await count(tally, "full disks of the database", databases, name, watched)


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
