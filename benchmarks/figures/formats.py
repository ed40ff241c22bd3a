"""Formats: CPU a token of the formats that are not OpenAI's chat completions, beside those in the same build."""

from collections.abc import Mapping
from statistics import median
from typing import Final

import msgspec

from benchmarks.figures import ages, cpu
from benchmarks.processes import Server, scripted_model, server
from benchmarks.table import Row

CHAT: Final = "hosted_vllm/scripted"
GPT: Final = "openai/gpt-5.6"


class Format(msgspec.Struct, frozen=True):
    """One format: the model that is read in it, with what its calls have beside, and the bounds.

    `burst_max_us`: CPU a token without gaps. `live_ratio_max`: CPU a token at the pace of real models, to that of chat
    completions; None: not measured.
    """

    title: str
    model: str
    burst_max_us: float
    live_ratio_max: float | None = None
    parameters: Mapping[str, object] = {}


FORMATS: Final = (
    Format("Anthropic's", "anthropic/scripted", 12.0, live_ratio_max=1.15),
    Format("Gemini's", "gemini/scripted", 20.0),
    Format("`/v1/responses`", GPT, 20.0, parameters={"reasoning_effort": "low"}),
)


class Size(msgspec.Struct, frozen=True):
    """How much is measured of each."""

    burst: cpu.Size = cpu.FULL
    live: ages.Size = ages.FULL


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """A row or two for each format: without gaps, and at the pace of real models."""
    rows: list[Row] = []
    async with scripted_model() as api_base, server(api_base, CHAT) as chat:
        for one in FORMATS:
            extra = {"model": {"calls": {"extra": {one.model: one.parameters}}}}
            async with server(api_base, one.model, extra) as other:
                rows.append(await _burst(one, other, chat, size.burst))
                if one.live_ratio_max is not None:
                    rows.append(await _live(one, one.live_ratio_max, other, chat, size.live))
    return rows


async def _burst(one: Format, other: Server, chat: Server, size: cpu.Size) -> Row:
    pairs: list[tuple[float, float]] = []
    for number in range(size.pairs + 1):
        pair = (await cpu.turn_us(other, size.tokens), await cpu.turn_us(chat, size.tokens))
        if number:  # the first one warms up
            pairs.append(pair)
    row = _row(f"CPU a token, {size.tokens:,} without gaps, {one.title}", pairs)
    return msgspec.structs.replace(row, bound=f"≤ {one.burst_max_us:g} µs", within=row.ours <= one.burst_max_us)


async def _live(one: Format, most: float, other: Server, chat: Server, size: ages.Size) -> Row:
    pairs: list[tuple[float, float]] = []
    for number in range(size.pairs + 1):
        now = size if number else msgspec.structs.replace(size, tokens=ages.WARM_TOKENS)
        pair = ((await ages.run_ours(other, now)).cpu_us, (await ages.run_ours(chat, now)).cpu_us)
        if number:
            pairs.append(pair)
    row = _row(f"{size.sessions} sessions, a token every {size.every_ms} ms, {one.title}: CPU a token", pairs)
    return msgspec.structs.replace(row, bound=f"ratio ≤ {most:g}", within=row.ratio is not None and row.ratio <= most)


def _row(figure: str, pairs: list[tuple[float, float]]) -> Row:
    return Row(
        figure=figure,
        ours=median(mine for mine, _ in pairs),
        unit="µs",
        floor=median(other for _, other in pairs),
        floor_is="ours, chat completions",
        ratio=median(mine / other for mine, other in pairs),
    )
