"""CPU a token: the server's CPU for one session's stream without gaps, beside LiteLLM alone reading the same stream."""

import contextlib
from statistics import median

import msgspec

from benchmarks.client import Client, TurnFailed, client
from benchmarks.processes import Reader, Reading, Server, reader, scripted_model, server
from benchmarks.table import Row

TOKEN = " word"
RATIO_MAX = 1.25


class Size(msgspec.Struct, frozen=True):
    """How much is measured: tokens of an answer, and paired runs after the one that warms up."""

    tokens: int = 2_000
    pairs: int = 5


class Variant(msgspec.Struct, frozen=True):
    """One of the ways in which the server reads a model."""

    title: str
    model: str
    direct: bool


VARIANTS = (
    Variant("read directly, `openai/`", "openai/scripted", True),
    Variant("read directly, `hosted_vllm/`", "hosted_vllm/scripted", True),
    Variant("by LiteLLM's wrapper, `hosted_vllm/`", "hosted_vllm/scripted", False),
)


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """Two rows for each variant."""
    rows: list[Row] = []
    async with scripted_model() as api_base:
        for variant in VARIANTS:
            rows += await measure_variant(variant, api_base, size)
    return rows


async def measure_variant(variant: Variant, api_base: str, size: Size) -> list[Row]:
    """Ours beside LiteLLM alone, and beside a reader by hand."""
    ours: list[float] = []
    lite: list[float] = []
    hand: list[float] = []
    direct = {"model": {"calls": {"direct_streams": variant.direct}}}
    async with (
        server(api_base, variant.model, direct) as target,
        reader("litellm", api_base, variant.model) as litellm,
        reader("aiohttp", api_base, variant.model) as aiohttp,
    ):
        for number in range(size.pairs + 1):
            costs = (
                await turn_us(target, size.tokens),
                await reading_us(litellm, size.tokens),
                await reading_us(aiohttp, size.tokens),
            )
            if number:  # the first one warms up
                for into, cost in zip((ours, lite, hand), costs, strict=True):
                    into.append(cost)
    ratio = median(mine / other for mine, other in zip(ours, lite, strict=True))
    return [
        Row(
            figure=f"CPU a token, {size.tokens:,} without gaps, {variant.title}",
            ours=median(ours),
            unit="µs",
            floor=median(lite),
            floor_is="LiteLLM alone",
            ratio=ratio,
            bound=f"ratio ≤ {RATIO_MAX}",
            within=ratio <= RATIO_MAX,
        ),
        Row(
            figure="- the same",
            ours=median(ours),
            unit="µs",
            floor=median(hand),
            floor_is="aiohttp + msgspec",
            ratio=median(mine / other for mine, other in zip(ours, hand, strict=True)),
        ),
    ]


async def turn_us(target: Server, tokens: int, turns: int = 1) -> float:
    """The server's CPU µs for a token of turns in a row, each in a fresh session, all that a turn brings with it included."""
    async with contextlib.AsyncExitStack() as sockets:
        fresh = [await sockets.enter_async_context(client(target.socket_url)) for _ in range(turns)]
        before = await target.cpu_at_rest_s()
        for socket in fresh:
            await _turn(socket, tokens)
        return (await target.cpu_at_rest_s() - before) / turns / tokens * 1e6


async def reading_us(bare: Reader, tokens: int) -> float:
    """A bare reader's CPU µs for a token of the same stream."""
    before = await bare.cpu_at_rest_s()
    done = await bare.read(Reading(1, f"tokens={tokens}"))
    spent = await bare.cpu_at_rest_s() - before
    _check("".join(text for _, text in done.arrivals[0]), tokens)
    return spent / tokens * 1e6


async def _turn(socket: Client, tokens: int) -> None:
    turn = await socket.turn(f"tokens={tokens}")
    _check(turn.text, tokens)
    if turn.text != turn.whole:
        raise TurnFailed("the chunks are not the message")


def _check(text: str, tokens: int) -> None:
    if text != TOKEN * tokens:
        raise TurnFailed(f"{len(text)} characters came, not the {tokens} tokens that were sent")
