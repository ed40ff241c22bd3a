"""Comparison of two builds: this checkout and another commit, measured in turn by the same client.

Run as `python -m benchmarks compare REF`. Both servers are started by the `holdfast` program of their own environment, and the
client speaks the wire with them, so nothing depends on how the other commit lays out its code.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.browser import renderer_cpu_s
from benchmarks.checkout import CheckoutError, checked_out
from benchmarks.figures import ages, cpu, memory, page, replay, startup
from benchmarks.pairs import in_turn
from benchmarks.processes import Build, Server, scripted_model, server, this_build
from benchmarks.table import Comparison, comparison_table, told, with_ratio
from tests.support.chromium import MISSING, browsing, chromium
from tests.support.models.scripted_model import ScriptedModel

LOADED_AFTER_S = 2.0
"""A server loads the model library in the background, a second after its start; what it takes is a part of its memory."""

Builds = tuple[Build, Build]


class Size(msgspec.Struct, frozen=True):
    """How much is measured: paired runs of each figure after the one that warms up, and what a run consists of."""

    pairs: int = 5
    turn: cpu.Size = cpu.FULL
    turns: int = 10
    live: ages.Size = ages.FULL
    resumes: replay.Resumes = replay.Resumes()
    sessions: int = 200
    page_tokens: int = page.TOKENS


def main(argv: Sequence[str]) -> int:
    """Set the other commit up, measure, print; 1 if `--ratio-max` is passed, a figure fails or the commit cannot be set up."""
    args = parse(argv)
    if args.ahead:
        machine.go_ahead()
    described = machine.describe()
    startup.compile_packages()  # as the other build is: where Python may not write bytecode, each start compiles anew
    try:
        with checked_out(args.reference) as other, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            title = other.title
            size = Size(pairs=args.pairs, page_tokens=args.page_tokens)
            rows = runner.run(measure((this_build(), other), size, args.names or list(FIGURES)))
    except CheckoutError as error:
        print(f"compare: error: {error}", file=sys.stderr)
        return 1
    print(f"{described}\n\n{comparison_table(rows, title, args.ratio_max)}")
    return 1 if any(row.fails(args.ratio_max) for row in rows) else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line. Ends the process with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compare",
        description="Measure this checkout and another commit in turn, and print both values and their ratio.",
    )
    parser.add_argument("reference", metavar="REF", help="the other commit: a branch, a tag or a hash")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"what to measure (default: all): {', '.join(FIGURES)}"
    )
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="paired runs of each figure (default: 5)")
    parser.add_argument(
        "--page-tokens",
        type=int,
        default=page.TOKENS,
        metavar="N",
        help=f"of the page's answer (default: {page.TOKENS})",
    )
    parser.add_argument(
        "--ratio-max", type=float, metavar="R", help="exit with status 1 if a ratio of this checkout to REF is above R"
    )
    parser.add_argument(
        "--ahead", action="store_true", help="at real-time priority, on a machine that is busy; needs root"
    )
    args = parser.parse_args(argv)
    if args.pairs < 1:
        parser.error("--pairs: at least 1")
    if args.page_tokens < 1:
        parser.error("--page-tokens: at least 1")
    unknown = [name for name in args.names if name not in FIGURES]
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}; there are: {', '.join(FIGURES)}")
    return args


async def measure(builds: Builds, size: Size, names: Sequence[str]) -> list[Comparison]:
    """These figures of both builds; says on standard error which one is measured. One that fails is a row that says so."""
    rows: list[Comparison] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += map(with_ratio, await FIGURES[name](builds, size))
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are measured
            traceback.print_exc()
            rows.append(Comparison(figure=name, fault=told(error)))
    return rows


async def measure_turns(builds: Builds, size: Size) -> list[Comparison]:
    """The CPU of turns in a row whose tokens come without gaps, in each way that text is read.

    One alone after a pause costs several times as much where memory is slow: its code and data are out of the caches.
    """
    async with scripted_model() as api_base:
        return [await _turn_cpu(builds, api_base, variant, size) for variant in cpu.VARIANTS]


async def _turn_cpu(builds: Builds, api_base: str, variant: cpu.Variant, size: Size) -> Comparison:
    groups = {"model": {"calls": {"direct_streams": variant.direct}}}
    async with _servers(builds, api_base, variant.model, groups) as servers:
        pairs = await in_turn(servers, lambda one: cpu.turn_us(one, size.turn.tokens, size.turns), size.pairs)
    figure = f"CPU a token, {size.turn.tokens:,} without gaps, {variant.title}"
    return Comparison(figure=figure, unit="µs", pairs=pairs)


async def measure_live(builds: Builds, size: Size) -> list[Comparison]:
    """The CPU of many sessions whose tokens come at the pace of real models."""
    live = size.live

    async def cpu_us(one: Server) -> float:
        return (await ages.run_ours(one, live)).cpu_us

    async with scripted_model() as api_base, _servers(builds, api_base, ages.MODEL) as servers:
        pairs = await in_turn(servers, cpu_us, size.pairs)
    figure = f"CPU a token, {live.sessions} sessions, a token every {live.every_ms} ms"
    return [Comparison(figure=figure, unit="µs", pairs=pairs)]


async def measure_resumes(builds: Builds, size: Size) -> list[Comparison]:
    """The CPU of a client that comes back with its position: to nothing new, and to all of a session."""
    resumes = size.resumes
    async with scripted_model() as api_base, _servers(builds, api_base, replay.MODEL) as servers:
        both = [(one, await replay.long_session(one, resumes)) for one in servers]
        ours, theirs = both
        current = await in_turn(
            (ours, theirs), lambda one: replay.resume_ms(*one, one[1].ready.seq, resumes.current), size.pairs
        )
        late = await in_turn((ours, theirs), lambda one: replay.resume_ms(*one, 0, resumes.late), size.pairs)
    return [
        Comparison(figure="CPU of a resume, nothing missed", unit="ms", pairs=current),
        Comparison(
            figure=f"CPU of a resume, {resumes.turns} turns of {resumes.tokens} tokens missed", unit="ms", pairs=late
        ),
    ]


async def measure_memory(builds: Builds, size: Size) -> list[Comparison]:
    """The process after its start and after its first turns, and what further sessions add."""
    async with scripted_model() as api_base:
        return await _memory(builds, api_base, size)


async def _memory(builds: Builds, api_base: str, size: Size) -> list[Comparison]:
    async def at_rest_mib(one: Server) -> float:
        await asyncio.sleep(LOADED_AFTER_S)
        await one.cpu_at_rest_s()
        return one.anonymous_kib() / 1024

    def growth(tokens: int) -> Callable[[Server], Awaitable[float]]:
        return lambda one: memory.growth_kib(one, size.sessions, tokens)

    started: list[tuple[float, float]] = []
    for _ in range(size.pairs):
        async with _servers(builds, api_base, memory.MODEL) as servers:
            started += await in_turn(servers, at_rest_mib, 1, warm_up=False)
    async with _servers(builds, api_base, memory.MODEL) as servers:
        talked = await in_turn(servers, growth(memory.FULL.tokens), size.pairs)
        fresh = await in_turn(servers, growth(0), size.pairs)
        connected = await in_turn(servers, lambda one: memory.connected_kib(one, size.sessions), size.pairs)
    return [
        Comparison(figure="memory of the process after its start", unit="MiB", pairs=started),
        Comparison(
            figure=f"memory of an idle awake session, {memory.FULL.tokens} tokens said", unit="KiB", pairs=talked
        ),
        Comparison(figure="memory of an idle awake session, nothing said", unit="KiB", pairs=fresh),
        Comparison(figure="memory of an idle awake session with a socket, nothing said", unit="KiB", pairs=connected),
    ]


async def measure_page(builds: Builds, size: Size) -> list[Comparison]:
    """CPU of the page's process in Chromium while a long answer streams in. Nothing where there is no Chromium."""
    if chromium() is None:
        print(MISSING, file=sys.stderr)
        return []
    answers = [page.answer(size.page_tokens, page.PASSAGE)] * (2 * (size.pairs + 1))
    async with (
        ScriptedModel(answers) as model,
        _servers(builds, model.api_base, page.MODEL) as servers,
        browsing() as browser,
    ):
        pairs = await in_turn(servers, lambda one: renderer_cpu_s(browser, one.address), size.pairs)
    return [Comparison(figure=f"CPU of the page's process, {size.page_tokens:,} tokens", unit="s", pairs=pairs)]


async def measure_starts(builds: Builds, size: Size) -> list[Comparison]:
    """The CPU and the time of a start, to the first answer."""
    starts: list[list[startup.Start]] = [[], []]
    for number in range(size.pairs + 1):
        for build, into in zip(builds, starts, strict=True):
            with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
                name = f"the server of {build.title}"
                one = await startup.start(name, "serve", "--data", folder, "--port", build=build)
            if number:  # the first one warms up
                into.append(one)
    both = list(zip(*starts, strict=True))
    return [
        Comparison(
            figure="CPU from exec to the first answer to `GET /livez`",
            unit="s",
            pairs=[(ours.cpu_s, theirs.cpu_s) for ours, theirs in both],
        ),
        Comparison(
            figure="time from exec to the first answer to `GET /livez`",
            unit="s",
            pairs=[(ours.elapsed_s, theirs.elapsed_s) for ours, theirs in both],
        ),
    ]


@contextlib.asynccontextmanager
async def _servers(
    builds: Builds, api_base: str, model: str, groups: Mapping[str, Mapping[str, object]] = MappingProxyType({})
) -> AsyncIterator[tuple[Server, Server]]:
    ours, theirs = builds
    async with server(api_base, model, groups, ours) as one, server(api_base, model, groups, theirs) as other:
        yield one, other


FIGURES: Mapping[str, Callable[[Builds, Size], Awaitable[list[Comparison]]]] = {
    "turns": measure_turns,
    "live": measure_live,
    "resumes": measure_resumes,
    "memory": measure_memory,
    "page": measure_page,
    "startup": measure_starts,
}
"""What is compared, by name, in the order of the table."""
