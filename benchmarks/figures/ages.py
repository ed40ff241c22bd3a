"""Token ages: how old each token is at its client, with many sessions at the pace of real models; none may be lost."""

import asyncio
from statistics import median

import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.client import TurnFailed, client
from benchmarks.processes import Reader, Reading, Server, reader, scripted_model, server
from benchmarks.statistics import ages_ms, percentile
from benchmarks.table import Row

ADDED_MAX_MS = 5.0
WARM_TOKENS = 10
MODEL = "hosted_vllm/scripted"


class Size(msgspec.Struct, frozen=True):
    """How much is measured: sessions at once, tokens of each, ms between two, and paired runs."""

    sessions: int = 50
    tokens: int = 250
    every_ms: int = 20
    pairs: int = 3

    @property
    def words(self) -> str:
        """What the model is asked."""
        return f"tokens={self.tokens} every_ms={self.every_ms} stamped=1"


class Run(msgspec.Struct, frozen=True):
    """One run of all sessions: the ages in ms, and the CPU µs of a token."""

    ages: list[float]
    cpu_us: float

    @property
    def p50(self) -> float:
        """The middle one's age, ms."""
        return percentile(self.ages, 0.5)

    @property
    def p99(self) -> float:
        """The age that one in a hundred passes, ms."""
        return percentile(self.ages, 0.99)


class Together(msgspec.Struct, frozen=True):
    """One round of runs, one after another."""

    ours: Run
    wrapped: Run
    litellm: Run
    by_hand: Run


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """Ours, ours by LiteLLM's wrapper, LiteLLM alone, and a reader by hand, in turn."""
    async with (
        scripted_model() as api_base,
        server(api_base, MODEL) as target,
        server(api_base, MODEL, {"model": {"calls": {"direct_streams": False}}}) as wrapping,
        reader("litellm", api_base, MODEL) as litellm,
        reader("aiohttp", api_base, MODEL) as aiohttp,
    ):
        runs: list[Together] = []
        for number in range(size.pairs + 1):
            now = size if number else msgspec.structs.replace(size, tokens=WARM_TOKENS)
            together = Together(
                ours=await run_ours(target, now),
                wrapped=await run_ours(wrapping, now),
                litellm=await run_bare(litellm, now),
                by_hand=await run_bare(aiohttp, now),
            )
            if number:  # the first one warms up
                runs.append(together)
    return _rows(runs, size)


def _rows(runs: list[Together], size: Size) -> list[Row]:
    title = f"{size.sessions} sessions, a token every {size.every_ms} ms"
    added = median(run.ours.p99 - run.litellm.p99 for run in runs)
    beside_litellm = _three(title, "LiteLLM alone", [(run.ours, run.litellm) for run in runs])
    beside_litellm[1] = msgspec.structs.replace(
        beside_litellm[1], bound=f"added ≤ {ADDED_MAX_MS:g} ms (is {added:+,.1f})", within=added <= ADDED_MAX_MS
    )
    wrapped = f"{title}, by LiteLLM's wrapper"
    tokens = size.sessions * size.tokens
    # More than their number was compared when they came: a text that is not as it was sent ends the run.
    lost = sum(2 * tokens - len(run.ours.ages) - len(run.wrapped.ages) for run in runs)
    return [
        *beside_litellm,
        *_three(title, "aiohttp + msgspec", [(run.ours, run.by_hand) for run in runs]),
        *_three(wrapped, "LiteLLM alone", [(run.wrapped, run.litellm) for run in runs]),
        Row(
            figure=f"{title}: tokens lost, of {2 * tokens * len(runs):,}",
            ours=lost,
            unit="",
            bound="0",
            within=lost == 0,
        ),
    ]


def _three(title: str, floor_is: str, pairs: list[tuple[Run, Run]]) -> list[Row]:
    return [
        _row(f"{title}: age of a token, p50", "ms", floor_is, [(ours.p50, floor.p50) for ours, floor in pairs]),
        _row(f"{title}: age of a token, p99", "ms", floor_is, [(ours.p99, floor.p99) for ours, floor in pairs]),
        _row(f"{title}: CPU a token", "µs", floor_is, [(ours.cpu_us, floor.cpu_us) for ours, floor in pairs]),
    ]


def _row(figure: str, unit: str, floor_is: str, pairs: list[tuple[float, float]]) -> Row:
    return Row(
        figure=figure,
        ours=median(mine for mine, _ in pairs),
        unit=unit,
        floor=median(other for _, other in pairs),
        floor_is=floor_is,
        ratio=median(mine / other for mine, other in pairs),
    )


async def run_ours(target: Server, size: Size) -> Run:
    """So many sessions at once, at their clients. Raises `TurnFailed` or `InvalidStream` if one token is not as it was sent."""
    everyone = asyncio.Barrier(size.sessions)

    async def read_turn() -> list[float]:
        async with client(target.socket_url) as socket:
            await everyone.wait()
            turn = await socket.turn(size.words)
            ages = ages_ms(turn.arrivals)
            if len(ages) != size.tokens or turn.text != turn.whole:
                raise TurnFailed(f"{len(ages)} tokens came of {size.tokens}")
            return ages

    tasks = TaskOwner("clients")
    before = await target.cpu_at_rest_s()
    try:
        every = await asyncio.gather(*(tasks.start(read_turn(), "client") for _ in range(size.sessions)))
    finally:
        await tasks.aclose()
    spent = await target.cpu_at_rest_s() - before
    return Run([age for ages in every for age in ages], spent / (size.sessions * size.tokens) * 1e6)


async def run_bare(bare: Reader, size: Size) -> Run:
    """So many streams at once, at a bare reader. Raises as `run_ours`."""
    before = await bare.cpu_at_rest_s()
    done = await bare.read(Reading(size.sessions, size.words))
    spent = await bare.cpu_at_rest_s() - before
    ages = [age for arrivals in done.arrivals for age in ages_ms(arrivals)]
    if len(ages) != size.sessions * size.tokens:
        raise TurnFailed(f"{len(ages)} tokens came of {size.sessions * size.tokens}")
    return Run(ages, spent / (size.sessions * size.tokens) * 1e6)
