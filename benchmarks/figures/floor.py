"""Live path: what a token, an event at many sockets and an idle socket cost, beside a bare session server on the same model."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from statistics import median

import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.client import client
from benchmarks.figures import ages, cpu
from benchmarks.pairs import in_turn
from benchmarks.processes import Process, Server, scripted_model, server
from benchmarks.table import Row

MODEL = "openai/scripted"
FLOOR_IS = "bare session server"
LIVE_RATIO_MAX, AGE_RATIO_MAX, BURST_RATIO_MAX = 1.3, 1.2, 1.5
OLDEST_MAX_MS = 40.0
SEND_MAX_US = 9.0
IDLE_MAX_KIB, OPEN_MAX_MS = 64.0, 1.0
ROOM = {"socket": {"sockets_per_session_max": 1_000}}


class Size(msgspec.Struct, frozen=True):
    """How much is measured. `one`: a single session; `sockets` of one session get `events`; `idle` sockets hold a session each."""

    live: ages.Size = ages.FULL
    one: ages.Size = ages.Size(sessions=1, tokens=300, every_ms=10)
    burst_tokens: int = 2_000
    sockets: int = 50
    events: int = 300
    idle: int = 3_000
    pairs: int = 3


FULL = Size()
Pairs = list[tuple[float, float]]


async def measure(size: Size = FULL) -> list[Row]:
    """Ours and the bare one, in turn."""
    async with scripted_model() as api_base, server(api_base, MODEL, ROOM) as ours, bare_sessions(api_base) as bare:
        live = await in_turn((ours, bare), lambda one: ages.run_ours(one, size.live), size.pairs)
        paced = await in_turn((ours, bare), lambda one: ages.run_ours(one, size.one), size.pairs)
        burst = await in_turn((ours, bare), lambda one: cpu.turn_us(one, size.burst_tokens), size.pairs)
        sent = await in_turn((ours, bare), lambda one: send_us(one, size, size.sockets), size.pairs)
        alone = await in_turn((ours, bare), lambda one: send_us(one, size, 1), size.pairs)
        bare_us = median([await bare_send_us(size) for _ in range(size.pairs)])
        idle_kib, open_ms = await idle_sockets(ours, size.idle)
    title = f"{size.live.sessions} sessions, a token every {size.live.every_ms} ms"
    oldest = median(max(mine.ages) for mine, _ in live)
    return [
        _beside(f"{title}: CPU a token", "µs", [(a.cpu_us, b.cpu_us) for a, b in live], LIVE_RATIO_MAX),
        _beside(f"{title}: age of a token, p99", "ms", [(a.p99, b.p99) for a, b in live], AGE_RATIO_MAX),
        _alone(f"{title}: age of the oldest token", "ms", oldest, OLDEST_MAX_MS),
        _beside(
            f"one session, a token every {size.one.every_ms} ms: CPU a token",
            "µs",
            [(a.cpu_us, b.cpu_us) for a, b in paced],
        ),
        _beside(f"CPU a token, {size.burst_tokens:,} without gaps", "µs", burst, BURST_RATIO_MAX),
        msgspec.structs.replace(
            _beside(f"CPU an event and socket, {size.sockets} sockets on one session", "µs", sent),
            bound=f"≤ {SEND_MAX_US:g} µs",
            within=median(mine for mine, _ in sent) <= SEND_MAX_US,
        ),
        _beside("- what each further of these sockets adds to an event", "µs", _added(sent, alone, size.sockets)),
        Row(figure=f"- a bare `socket.send` of such a frame, {size.sockets} readers", ours=bare_us, unit="µs"),
        _alone(f"memory of each of {size.idle:,} idle sockets, with its session", "KiB", idle_kib, IDLE_MAX_KIB),
        _alone("CPU to open a session and its socket", "ms", open_ms, OPEN_MAX_MS),
    ]


@contextlib.asynccontextmanager
async def bare_sessions(api_base: str) -> AsyncIterator[Server]:
    """The bare session server, on a free port and an empty database."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        async with await Server.start(FLOOR_IS, "-m", "benchmarks.bare_sessions", api_base, folder) as process:
            process.address = (await process.line(r"listening on (http\S+)"))[1]
            yield process


async def send_us(target: Server, size: Size, count: int) -> float:
    """The CPU µs of each event at each of `count` sockets of one session, all else of the turn included."""
    async with contextlib.AsyncExitStack() as sockets, client(target.socket_url) as first:
        url = f"{target.socket_url}/{first.session_id}"
        clients = [first, *[await sockets.enter_async_context(client(url)) for _ in range(count - 1)]]
        before = await target.cpu_at_rest_s()
        await first.submit_input(f"tokens={size.events} every_ms=10")
        tasks = TaskOwner("sockets")
        try:
            turns = await asyncio.gather(*(tasks.start(one.receive_turn(), "socket") for one in clients))
        finally:
            await tasks.aclose()
        return (await target.cpu_at_rest_s() - before) / sum(turn.frames for turn in turns) * 1e6


async def bare_send_us(size: Size) -> float:
    """The CPU µs of one `socket.send`, see `benchmarks.bare_sends`; the readers are here."""
    arguments = (str(size.sockets), str(size.events), "10")
    async with await Process.start("bare sends", "-m", "benchmarks.bare_sends", *arguments) as process:
        port = int((await process.line(r"listening on http://127\.0\.0\.1:(\d+)"))[1])
        tasks = TaskOwner("readers")
        try:
            for _ in range(size.sockets):
                tasks.start(_read_all(*await asyncio.open_connection("127.0.0.1", port)), "reader")
            return float((await process.line(r"a send takes ([\d.]+) us"))[1])
        finally:
            await tasks.aclose()


async def _read_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


async def idle_sockets(target: Server, count: int) -> tuple[float, float]:
    """KiB of each of so many sockets with a session each, and the CPU ms to open it."""
    async with contextlib.AsyncExitStack() as sockets:
        before, spent = target.anonymous_kib(), await target.cpu_at_rest_s()
        for _ in range(count):
            await sockets.enter_async_context(client(target.socket_url))
        spent = await target.cpu_at_rest_s() - spent
        return (target.anonymous_kib() - before) / count, spent / count * 1e3


def _added(sent: Pairs, alone: Pairs, count: int) -> Pairs:
    """What each socket but the first adds, from the µs an event and socket with `count` of them and with one."""

    def of(many: float, one: float) -> float:
        return (many * count - one) / (count - 1)

    return [
        (of(mine, mine_one), of(other, other_one))
        for (mine, other), (mine_one, other_one) in zip(sent, alone, strict=True)
    ]


def _beside(figure: str, unit: str, pairs: Pairs, ratio_max: float | None = None) -> Row:
    ratio = median(mine / other for mine, other in pairs)
    return Row(
        figure=figure,
        ours=median(mine for mine, _ in pairs),
        unit=unit,
        floor=median(other for _, other in pairs),
        floor_is=FLOOR_IS,
        ratio=ratio,
        bound="" if ratio_max is None else f"ratio ≤ {ratio_max:g}",
        within=None if ratio_max is None else ratio <= ratio_max,
    )


def _alone(figure: str, unit: str, ours: float, most: float) -> Row:
    return Row(figure=figure, ours=ours, unit=unit, bound=f"≤ {most:g} {unit}", within=ours <= most)
