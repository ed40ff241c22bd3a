"""Nodes: what PostgreSQL costs beside SQLite, and what it costs that a socket is not where its session runs."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

import httpx
import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.appending import Measured, Task
from benchmarks.client import TurnFailed, client
from benchmarks.figures import ages
from benchmarks.pairs import in_turn
from benchmarks.processes import Process, Server, scripted_model, server
from benchmarks.statistics import ages_ms
from benchmarks.table import Row
from tests.support.postgres.server import PostgresServer

CPU_RATIO_MAX, APPEND_RATIO_MAX, READ_RATIO_MAX, PATH_RATIO_MAX, OWNERS_RATIO_MAX = 1.2, 2.5, 1.5, 1.5, 1.5
ADDED_MAX_MS = 5.0
LEASE_S, TAKEOVER_MAX_S = 2.0, 3.0
MODEL = "hosted_vllm/scripted"
T = TypeVar("T")


class Size(msgspec.Struct, frozen=True):
    """How much is measured: appends at the pace of 50 models, appends one after another, turns, takeovers, paired runs."""

    paced: Task = Task(sessions=50, events=150, every_ms=20)
    alone: Task = Task(sessions=1, events=500, every_ms=0, read=10_000)
    live: ages.Size = ages.Size()
    takeovers: int = 3
    pairs: int = 5


FULL = Size()


class Journal(Process):
    """A journal in a process of its own: see `benchmarks.appending`."""

    async def measure(self, task: Task) -> Measured:
        """Have it do a task. Raises `ProcessFailed`."""
        await self.write_line(msgspec.json.encode(task))
        return msgspec.json.decode(await self.read_line(), type=Measured)


async def measure(size: Size = FULL) -> list[Row]:
    """The journals on a disk; the nodes with a database in memory, if there is room: a disk that stalls would end their leases."""
    with database(Path(tempfile.gettempdir())) as (server_on_disk, folder):
        rows = await journals(folder, server_on_disk.url, size)
        rows.append(await owners(folder, server_on_disk, size))
    with database(None) as (server_in_memory, folder):
        return [*rows, *await paths(folder, server_in_memory, size)]


@contextlib.contextmanager
def database(place: Path | None) -> Iterator[tuple[PostgresServer, Path]]:
    """A database server that stores safely, and a folder beside its own."""
    server = PostgresServer(place=place, fsync="on", full_page_writes="on", autovacuum="on", synchronous_commit="on")
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
    return [
        _beside(f"{pace}: CPU of the node an appended event", "µs", paced, lambda one: one.cpu_us, CPU_RATIO_MAX),
        _beside("an append, p50", "ms", alone, lambda one: one.append_ms, APPEND_RATIO_MAX, "SQLite, `power`"),
        _beside(f"reading {events}", "ms", alone, lambda one: one.read_ms, READ_RATIO_MAX, "SQLite"),
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
    return _beside(
        f"{title}: CPU of the database an appended event",
        "µs",
        runs,
        lambda cpu: cpu,
        OWNERS_RATIO_MAX,
        "all at one node",
    )


async def paths(folder: Path, on: PostgresServer, size: Size) -> list[Row]:
    """Two nodes, with the sockets at that which runs the sessions, or at the other."""
    on.run("createdb", "-h", str(on.folder), "-U", "holdfast", "nodes")
    groups: dict[str, dict[str, object]] = {
        "journal": {"url": on.url_of("nodes")},
        "nodes": {"several": True, "lease_s": LEASE_S},
        "auth": {"secret": "of the benchmark, at both of its nodes"},
        "workspace": {"place": "shared", "shared_folder": str(folder / "files")},
    }
    (folder / "files").mkdir()
    taken: list[float] = []
    async with scripted_model() as api_base, server(api_base, MODEL, groups) as other:
        async with server(api_base, MODEL, groups) as owner:
            runs = await in_turn((other, owner), lambda at: run(owner, other, at, size.live), size.pairs)
        for _ in range(size.takeovers):
            async with server(api_base, MODEL, groups) as lost:
                taken.append(await takeover_s(lost, other))
    title = f"{size.live.sessions} sessions, a token every {size.live.every_ms} ms"
    added = median(mine.p50 - theirs.p50 for mine, theirs in runs)
    here = "sockets at the owner"
    age = _beside(
        f"{title}, sockets at the other node: age of a token, p50", "ms", runs, lambda one: one.p50, None, here
    )
    age = msgspec.structs.replace(
        age, bound=f"added ≤ {ADDED_MAX_MS:g} ms (is {added:+,.1f})", within=added <= ADDED_MAX_MS
    )
    return [
        _beside(
            f"{title}, sockets at the other node: CPU of both nodes a token",
            "µs",
            runs,
            lambda one: one.cpu_us,
            PATH_RATIO_MAX,
            here,
        ),
        age,
        Row(
            figure="from kill -9 of the owner to the end of its turn at another node, the longest",
            ours=max(taken),
            unit="s",
            bound=f"≤ lease + 1 s, {TAKEOVER_MAX_S:g} s",
            within=max(taken) <= TAKEOVER_MAX_S,
        ),
    ]


@contextlib.asynccontextmanager
async def journal(folder: Path, durability: str, *database: str) -> AsyncIterator[Journal]:
    """A journal process, ready for tasks. `database`: its address, and `several` if it is shared."""
    arguments = ["-m", "benchmarks.appending", str(folder), durability, *database]
    async with await Journal.start(f"the journal in {folder.name}", *arguments) as process:
        await process.line("ready")
        yield process


async def run(owner: Server, other: Server, at: Server, size: ages.Size) -> ages.Run:
    """So many sessions that `owner` runs, with their sockets at one of the two; the CPU is that of both. Raises `TurnFailed`."""
    async with httpx.AsyncClient(base_url=owner.address) as http:
        made = [(await http.post("/api/sessions")).json()["session_id"] for _ in range(size.sessions)]
    everyone = asyncio.Barrier(size.sessions)

    async def read_turn(session_id: str) -> list[float]:
        async with client(f"{at.socket_url}/{session_id}") as socket:
            await everyone.wait()
            turn = await socket.turn(size.words)
            # The last words may come within the whole message alone: the owner has merged its pieces by then.
            whole = turn.whole or ""
            if len(whole.split()) != size.tokens or not whole.startswith(turn.text):
                raise TurnFailed(f"{len(whole.split())} tokens came of {size.tokens}")
            return ages_ms(turn.arrivals)

    tasks = TaskOwner("clients")
    before = [await one.cpu_at_rest_s() for one in (owner, other)]
    try:
        every = await asyncio.gather(*(tasks.start(read_turn(one), "client") for one in made))
    finally:
        await tasks.aclose()
    spent = sum([await one.cpu_at_rest_s() for one in (owner, other)]) - sum(before)
    return ages.Run([age for found in every for age in found], spent / (size.sessions * size.tokens) * 1e6)


async def takeover_s(lost: Server, other: Server) -> float:
    """Seconds from the kill of a session's owner until a socket at the other node sees that its turn ended. Raises `TurnFailed`."""
    async with httpx.AsyncClient(base_url=lost.address) as http:
        session_id = (await http.post("/api/sessions")).json()["session_id"]
    async with client(f"{other.socket_url}/{session_id}") as socket:
        await socket.submit_input("tokens=10000 every_ms=20")
        await socket.receive_turn(until_chars=20)
        began = time.monotonic()
        await lost.stop()
        turn = await socket.receive_turn()
        if turn.ended_by != "interrupted":
            raise TurnFailed(f"the turn ended by {turn.ended_by}")
        return time.monotonic() - began


def _beside(
    figure: str,
    unit: str,
    pairs: list[tuple[T, T]],
    value: Callable[[T], float],
    most: float | None,
    floor_is: str = "SQLite, `process`",
) -> Row:
    ratio = median(value(mine) / value(theirs) for mine, theirs in pairs)
    return Row(
        figure=figure,
        ours=median(value(mine) for mine, _ in pairs),
        unit=unit,
        floor=median(value(theirs) for _, theirs in pairs),
        floor_is=floor_is,
        ratio=ratio,
        bound="" if most is None else f"ratio ≤ {most}",
        within=None if most is None else ratio <= most,
    )
