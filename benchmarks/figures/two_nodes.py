"""Two servers on one database: what it costs that sockets are at the other, what a second one adds, and how soon one is lost."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median

import httpx
import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.client import TurnFailed, client
from benchmarks.figures import ages
from benchmarks.pairs import in_turn
from benchmarks.processes import Server, on_core, scripted_model, server
from benchmarks.statistics import ages_ms
from benchmarks.table import Row, beside
from tests.support.postgres.server import PostgresServer

PATH_RATIO_MAX, CORES_RATIO_MIN, ADDED_MAX_MS = 1.5, 1.8, 5.0
LEASE_S, TAKEOVER_MAX_S = 2.0, 3.0
BUSY_LEASE_S = 10.0
"""On cores that all share a server may wait long for its turn, and no takeover is measured there."""
MODEL = "hosted_vllm/scripted"


class Size(msgspec.Struct, frozen=True):
    """How much is measured: the turns, the sessions of each server with a core of its own, takeovers, paired runs."""

    live: ages.Size = ages.Size()
    sessions_a_core: int = 25
    takeovers: int = 3
    pairs: int = 5


async def measure(folder: Path, on: PostgresServer, size: Size) -> list[Row]:
    """All of it, with the files below `folder` and databases of their own."""
    async with scripted_model() as api_base:
        rows = await paths(Shared(api_base, folder / "files", on, "nodes", LEASE_S), size)
        together, *apart = (Shared(api_base, folder / name, on, name, BUSY_LEASE_S) for name in ("both", "one", "two"))
        return [*rows, *await cores(together, apart, size)]


class Shared:
    """A database, a folder and a model for servers that share them."""

    def __init__(self, api_base: str, files: Path, on: PostgresServer, database: str, lease_s: float) -> None:
        files.mkdir()
        on.run("createdb", "-h", str(on.folder), "-U", "holdfast", database)
        self._api_base = api_base
        self._groups: dict[str, dict[str, object]] = {
            "journal": {"url": on.url_of(database)},
            "nodes": {"several": True, "lease_s": lease_s},
            "auth": {"secret": "of the benchmark, at all of its servers"},
            "workspace": {"place": "shared", "shared_folder": str(files)},
        }

    @contextlib.asynccontextmanager
    async def server(self, core: int | None = None) -> AsyncIterator[Server]:
        """One of them. `core`: the one that it runs on."""
        async with contextlib.AsyncExitStack() as ends:
            with contextlib.nullcontext() if core is None else on_core(core):
                running = await ends.enter_async_context(server(self._api_base, MODEL, self._groups))
            yield running


async def paths(shared: Shared, size: Size) -> list[Row]:
    """Two servers, with the sockets at that which runs the sessions, or at the other."""
    taken: list[float] = []
    async with shared.server() as other:
        async with shared.server() as owner:
            both = (owner, other)
            runs = await in_turn((other, owner), lambda at: run((owner,), (at,), both, size.live), size.pairs)
        for _ in range(size.takeovers):
            async with shared.server() as lost:
                taken.append(await takeover_s(lost, other))
    title = f"{size.live.sessions} sessions, a token every {size.live.every_ms} ms, sockets at the other node"
    here = "sockets at the owner"
    return [
        beside(f"{title}: CPU of both nodes a token", "µs", here, runs, lambda one: one.cpu_us, PATH_RATIO_MAX),
        _added(f"{title}: age of a token, p50", here, [(mine.p50, theirs.p50) for mine, theirs in runs]),
        Row(
            figure="from kill -9 of the owner to the end of its turn at another node, the longest",
            ours=max(taken),
            unit="s",
            bound=f"≤ lease + 1 s, {TAKEOVER_MAX_S:g} s",
            within=max(taken) <= TAKEOVER_MAX_S,
        ),
    ]


async def cores(together: Shared, apart: Sequence[Shared], size: Size) -> list[Row]:
    """Two servers with a core each beside two that do the same, each with a database to itself: what one is good for that is alone.

    The database, the model and the clients run on the same cores where there are no others, and take from the caches of both servers.
    So the floor is measured with as much beside it, and the age of tokens is the machine's figure there; the bound is on how many tokens
    a second of the servers' own cores is good for.
    """
    cores = sorted(os.sched_getaffinity(0))
    load = msgspec.structs.replace(size.live, sessions=size.sessions_a_core)
    async with contextlib.AsyncExitStack() as ends:

        async def start(*shared: Shared) -> list[Server]:
            return [
                await ends.enter_async_context(one.server(at))
                for one, at in zip(shared, (cores[0], cores[-1]), strict=True)
            ]

        both = (await start(together, together), await start(*apart))
        runs = await in_turn(both, lambda servers: run(servers, servers, servers, load), size.pairs)
    rates = [(2e6 / mine.cpu_us, 1e6 / theirs.cpu_us) for mine, theirs in runs]
    ratio = median(mine / theirs for mine, theirs in rates)
    title = f"two nodes on a core each, {load.sessions} sessions at each"
    floor_is = "one with a database to itself"
    return [
        Row(
            figure=f"{title}: tokens that a second of their cores is good for",
            ours=median(mine for mine, _ in rates),
            unit="",
            floor=median(theirs for _, theirs in rates),
            floor_is=floor_is,
            ratio=ratio,
            bound=f"ratio ≥ {CORES_RATIO_MIN}",
            within=ratio >= CORES_RATIO_MIN,
        ),
        beside(f"{title}: age of a token, p99", "ms", floor_is, runs, lambda one: one.p99, None),
    ]


async def run(owners: Sequence[Server], at: Sequence[Server], every: Sequence[Server], size: ages.Size) -> ages.Run:
    """So many sessions that each of `owners` runs, with their sockets at the server of the same place in `at`; the CPU is that of
    `every` server. Raises `TurnFailed`.
    """
    made: list[tuple[str, Server]] = []
    for owner, place in zip(owners, at, strict=True):
        async with httpx.AsyncClient(base_url=owner.address) as http:
            made += [((await http.post("/api/sessions")).json()["session_id"], place) for _ in range(size.sessions)]
    everyone = asyncio.Barrier(len(made))

    async def read_turn(session_id: str, place: Server) -> list[float]:
        async with client(f"{place.socket_url}/{session_id}") as socket:
            await everyone.wait()
            turn = await socket.turn(size.words)
            # The last words may come within the whole message alone: the owner has merged its pieces by then.
            whole = turn.whole or ""
            if len(whole.split()) != size.tokens or not whole.startswith(turn.text):
                raise TurnFailed(f"{len(whole.split())} tokens came of {size.tokens}")
            return ages_ms(turn.arrivals)

    tasks = TaskOwner("clients")
    before = [await one.cpu_at_rest_s() for one in every]
    try:
        found = await asyncio.gather(*(tasks.start(read_turn(*one), "client") for one in made))
    finally:
        await tasks.aclose()
    spent = sum([await one.cpu_at_rest_s() for one in every]) - sum(before)
    return ages.Run([age for ages_of_one in found for age in ages_of_one], spent / (len(made) * size.tokens) * 1e6)


async def takeover_s(lost: Server, other: Server) -> float:
    """Seconds from the kill of a session's owner until a socket at the other node sees that its turn ended. Raises `TurnFailed`."""
    async with httpx.AsyncClient(base_url=lost.address) as http:
        session_id = (await http.post("/api/sessions")).json()["session_id"]
    async with client(f"{other.socket_url}/{session_id}") as socket:
        await socket.submit_input("tokens=10000 every_ms=20")
        begun = await socket.receive_turn(until_chars=20)
        if begun.ended_by:
            raise TurnFailed("the turn ended before the kill: the owner lost its lease on a machine that is too busy")
        began = time.monotonic()
        await lost.stop()
        turn = await socket.receive_turn()
        if turn.ended_by != "interrupted":
            raise TurnFailed(f"the turn ended by {turn.ended_by}")
        return time.monotonic() - began


def _added(figure: str, floor_is: str, pairs: list[tuple[float, float]]) -> Row:
    """Ages in ms, of which the difference is bounded."""
    added = median(mine - theirs for mine, theirs in pairs)
    row = beside(figure, "ms", floor_is, [*pairs], lambda age: age, None)
    return msgspec.structs.replace(
        row, bound=f"added ≤ {ADDED_MAX_MS:g} ms (is {added:+,.1f})", within=added <= ADDED_MAX_MS
    )
