"""Nodes: what PostgreSQL costs beside SQLite, its own part with several nodes, and what it costs to follow another one's sessions."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.appending import Measured, Task
from benchmarks.figures import two_nodes
from benchmarks.following import Followed, Following
from benchmarks.pairs import in_turn
from benchmarks.processes import Process
from benchmarks.table import Row, beside
from tests.support.postgres.server import PostgresServer

CPU_RATIO_MAX, APPEND_RATIO_MAX, READ_RATIO_MAX, OWNERS_RATIO_MAX, FOLLOWER_MAX_US = 1.2, 2.5, 1.5, 1.5, 40.0


class Size(msgspec.Struct, frozen=True):
    """How much is measured: appends at the pace of 50 models, appends one after another, paired runs, two servers."""

    paced: Task = Task(sessions=50, events=150, every_ms=20)
    alone: Task = Task(sessions=1, events=500, every_ms=0, read=10_000)
    pairs: int = 5
    two: two_nodes.Size = two_nodes.Size()


FULL = Size()


class Journal(Process):
    """A journal in a process of its own: see `benchmarks.appending`."""

    async def measure(self, task: Task) -> Measured:
        """Have it do a task. Raises `ProcessFailed`."""
        await self.write_line(msgspec.json.encode(task))
        return msgspec.json.decode(await self.read_line(), type=Measured)


class Follower(Process):
    """A node that follows: see `benchmarks.following`."""

    async def begin(self, following: Following) -> None:
        """Have it follow. Raises `ProcessFailed`."""
        await self.write_line(msgspec.json.encode(following))
        await self.read_line()

    async def followed(self) -> Followed:
        """What it took, when it has all. Raises `ProcessFailed`."""
        return msgspec.json.decode(await self.read_line(), type=Followed)


async def measure(size: Size = FULL) -> list[Row]:
    """The journals on a disk; the nodes with a database in memory, if there is room: a disk that stalls would end their leases."""
    with database(Path(tempfile.gettempdir())) as (server_on_disk, folder):
        rows = await journals(folder, server_on_disk.url, size)
        rows += [await owners(folder, server_on_disk, size), await following(folder, server_on_disk, size)]
    with database(None) as (server_in_memory, folder):
        return [*rows, *await two_nodes.measure(folder, server_in_memory, size.two)]


@contextlib.contextmanager
def database(place: Path | None) -> Iterator[tuple[PostgresServer, Path]]:
    """A database server that stores safely, as one that was installed does, and a folder beside its own."""
    server = PostgresServer(
        place=place, fsync="on", full_page_writes="on", autovacuum="on", synchronous_commit="on", wal_init_zero="on"
    )
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=server.folder.parent) as folder:
            yield server, Path(folder)
    finally:
        server.remove()


async def journals(folder: Path, url: str, size: Size) -> list[Row]:
    """The journal alone, beside SQLite's."""
    async with (
        journal(folder / "postgres", "power", url) as postgres,
        journal(folder / "process", "process") as process,
        journal(folder / "power", "power") as power,
    ):
        paced = await in_turn((postgres, process), lambda one: one.measure(size.paced), size.pairs)
        alone = await in_turn((postgres, power), lambda one: one.measure(size.alone), size.pairs)
    pace = f"{size.paced.sessions} sessions, an event every {size.paced.every_ms:g} ms"
    events = f"{size.alone.read:,} events"
    floor = "SQLite, `process`"
    return [
        beside(f"{pace}: CPU of the node an appended event", "µs", floor, paced, lambda one: one.cpu_us, CPU_RATIO_MAX),
        beside("an append, p50", "ms", "SQLite, `power`", alone, lambda one: one.append_ms, APPEND_RATIO_MAX),
        beside(f"reading {events}", "ms", "SQLite", alone, lambda one: one.read_ms, READ_RATIO_MAX),
        beside(f"reading {events} for the first time", "ms", "SQLite", alone, lambda one: one.first_read_ms, None),
    ]


async def owners(folder: Path, on: PostgresServer, size: Size) -> Row:
    """The database's own CPU with the sessions at two nodes, beside all of them at one; both nodes beat all the time."""
    on.run("createdb", "-h", str(on.folder), "-U", "holdfast", "owners")
    url = on.url_of("owners")
    halves = msgspec.structs.replace(size.paced, sessions=size.paced.sessions // 2)
    async with (
        journal(folder / "one", "power", url, "several") as one,
        journal(folder / "two", "power", url, "several") as two,
    ):

        async def cpu_us(tasks: tuple[Task, ...]) -> float:
            before = on.cpu_s()
            await asyncio.gather(*(node.measure(task) for node, task in zip((one, two), tasks, strict=False)))
            return (on.cpu_s() - before) / sum(task.sessions * task.events for task in tasks) * 1e6

        runs = await in_turn(((halves, halves), (size.paced,)), cpu_us, size.pairs)
    title = f"{size.paced.sessions} sessions, an event every {size.paced.every_ms:g} ms, at two nodes"
    figure = f"{title}: CPU of the database an appended event"
    return beside(figure, "µs", "all at one node", runs, lambda cpu: cpu, OWNERS_RATIO_MAX)


async def following(folder: Path, on: PostgresServer, size: Size) -> Row:
    """What it costs a node to follow sessions that another one runs."""
    on.run("createdb", "-h", str(on.folder), "-U", "holdfast", "following")
    url = on.url_of("following")
    costs: list[float] = []
    async with (
        journal(folder / "appending", "power", url, "several") as owner,
        await Follower.start("the follower", "-m", "benchmarks.following", str(folder / "follower"), url) as follower,
    ):
        await follower.line("ready")
        for number in range(size.pairs + 1):
            names = [os.urandom(16).hex() for _ in range(size.paced.sessions)]
            task = msgspec.structs.replace(size.paced, names=names)
            await owner.measure(msgspec.structs.replace(task, events=0))
            await follower.begin(Following(names, task.events))
            await owner.measure(task)
            cost = await follower.followed()
            if number:  # the first one warms up
                costs.append(cost.cpu_us)
    title = f"{size.paced.sessions} sessions, an event every {size.paced.every_ms:g} ms"
    cpu_us = median(costs)
    return Row(
        figure=f"{title}, followed at another node: its CPU an event",
        ours=cpu_us,
        unit="µs",
        bound=f"≤ {FOLLOWER_MAX_US:g} µs",
        within=cpu_us <= FOLLOWER_MAX_US,
    )


@contextlib.asynccontextmanager
async def journal(folder: Path, durability: str, *database: str) -> AsyncIterator[Journal]:
    """A journal process, ready for tasks. `database`: its address, and `several` if it is shared."""
    arguments = ["-m", "benchmarks.appending", str(folder), durability, *database]
    async with await Journal.start(f"the journal in {folder.name}", *arguments) as process:
        await process.line("ready")
        yield process
