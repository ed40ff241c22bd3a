"""Failovers, counted: the database of two nodes dies in the middle of an answer and of a tool, and a standby takes its place, one that has
everything or one that lagged. Clients of both nodes are compared, and what they saw is looked up.
"""

import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clients.prove.trace import Done
from protocol.content import ToolMessage
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.harness.node_counts import count
from tests.faults.harness.watched import Watched
from tests.faults.process.process import ServerProcess, Zygote
from tests.faults.storage.test_lost_servers import answer
from tests.faults.storage.test_nodes import servers
from tests.support.models.scripted_model import ScriptedModel
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases
from tests.support.postgres.server import PostgresServer

pytestmark = [in_the_long_form, pytest.mark.timeout(600)]
ROUNDS = 5


@contextlib.asynccontextmanager
async def on_two_databases(
    zygote: Zygote, folder: Path
) -> AsyncIterator[tuple[PostgresServer, PostgresServer, list[ServerProcess]]]:
    """A primary, its standby, and two nodes on whichever of them can be written."""
    async with contextlib.AsyncExitStack() as ends:
        primary = PostgresServer(port="5432", wal_level="replica")
        ends.callback(primary.remove)
        Databases(primary.url).execute("CREATE DATABASE work")
        standby = PostgresServer(primary, port="5433", wal_level="replica")
        ends.callback(standby.remove)
        url = f"postgresql://holdfast@/work?host={primary.folder},{standby.folder}&port=5432,5433&connect_timeout=2"
        model = await ends.enter_async_context(ScriptedModel(answer, allow_complaints=True))
        yield primary, standby, await ends.enter_async_context(servers(zygote, folder, url, model))


async def test_a_failover_to_a_synchronous_standby_loses_nothing_that_was_seen_and_runs_no_tool_twice(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    for number in range(ROUNDS):
        async with on_two_databases(zygote, tmp_path / str(number)) as (primary, standby, nodes):
            told = await to_one_in_step(primary, standby, nodes, number)
            await count(tally, "failovers to a synchronous standby", Databases(standby.url), "work", *told)
            tally["failovers to a synchronous standby"] += 1
    ran = sorted(int(line) for file in tmp_path.rglob("ran") for line in file.read_text().split())
    assert ran == list(range(ROUNDS))
    tally["tools over failovers, each run once"] += len(ran)


async def to_one_in_step(
    primary: PostgresServer, standby: PostgresServer, nodes: list[ServerProcess], number: int
) -> tuple[Watched, Watched]:
    """Two sessions that went on, which are to be checked."""
    databases = Databases(primary.url)
    databases.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    databases.execute("SELECT pg_reload_conf()")
    state = "SELECT sync_state FROM pg_stat_replication"
    await eventually(lambda: databases.execute(state) == [("sync",)], "a synchronous standby")
    teller, runner = Watched(*nodes), Watched(*nodes)
    await teller.begin(at=0)
    await runner.begin(at=1)
    await teller.say(0, f"tell {number}")
    await teller.until_seen_in_part("Once upon a time")
    await teller.say(1, "and then?")
    await runner.say(0, f"run {number}")
    await runner.until_a_tool_says("begun")
    primary.stop(signal.SIGQUIT)
    standby.promote()
    for one in (teller, runner):
        await one.come_back()
        assert [follower.recovered for follower in one.followers] == [[True], [True]]
    for at in (0, 1):
        await teller.until_seen(at, "Once upon a time", "They lived.")
        await runner.until_at_rest(at)
    (call,) = [one for one in runner.followers[0].view.messages if isinstance(one, ToolMessage)]
    assert call.state == "outcome_unknown"
    return teller, runner


async def test_after_a_failover_to_a_standby_that_lagged_every_client_is_told_and_all_see_the_same(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    for number in range(ROUNDS):
        async with on_two_databases(zygote, tmp_path / str(number)) as (primary, standby, nodes):
            told = await to_one_that_lagged(primary, standby, nodes)
            await count(tally, "failovers to a standby that lagged", Databases(standby.url), "work", told)
            tally["failovers to a standby that lagged"] += 1


async def to_one_that_lagged(primary: PostgresServer, standby: PostgresServer, nodes: list[ServerProcess]) -> Watched:
    """The second answer is lost with the primary; the session, which is to be checked."""
    watched, here, there = Watched(*nodes), Databases(primary.url), Databases(standby.url)
    await watched.begin(at=0)
    await watched.say(0, "hello")
    for at in (0, 1):
        await watched.until_seen(at, "They lived.")
    stored = "SELECT seq, span FROM events ORDER BY seq"
    await eventually(lambda: there.execute(stored, "work") == here.execute(stored, "work"), "all at the standby")
    standby.stop()
    await watched.say(1, "and then?")
    for at in (0, 1):
        await watched.until_seen(at, "They lived.", "They lived.")
    primary.stop(signal.SIGQUIT)
    standby.start()
    standby.promote()
    watched.record.trace.append(Done("a failover to a standby that lagged", restored=True))
    for one in watched.followers:
        one.may_lose = True
    await watched.come_back()
    assert [one.recovered for one in watched.followers] == [[False], [False]]
    await watched.say(0, "where were we?")
    for at in (0, 1):
        await watched.until_seen(at, "They lived.", "They lived.")
    return watched
