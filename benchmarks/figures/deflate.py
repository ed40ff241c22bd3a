"""Deflate: what `socket.permessage_deflate` costs a whole server, beside the same server without it."""

import contextlib
from collections.abc import Awaitable, Callable
from statistics import median

import msgspec

from benchmarks.client import Client, client
from benchmarks.pairs import in_turn
from benchmarks.processes import ROOT, Server, scripted_model, server
from benchmarks.statistics import paired_ratio
from benchmarks.table import Row

MODEL = "openai/scripted"
FLOOR_IS = "ours, not compressed"


class Size(msgspec.Struct, frozen=True):
    """How much is measured: a turn of `tokens`, one each `every_ms`; a snapshot of `chars`; `idle` sockets that got a turn."""

    tokens: int = 500
    every_ms: int = 10
    chars: int = 400_000
    snapshots: int = 10
    idle: int = 300
    pairs: int = 3


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """With it and without, in turn; both clients offer it."""
    compressing = {"socket": {"permessage_deflate": True}}
    async with (
        scripted_model() as api_base,
        server(api_base, MODEL, compressing) as ours,
        server(api_base, MODEL) as plain,
    ):

        async def row(
            figure: str, unit: str, one: Callable[[Server], Awaitable[float]], pairs: int, *, warm_up: bool = True
        ) -> Row:
            values = await in_turn((ours, plain), one, pairs, warm_up=warm_up)
            return Row(
                figure=f"permessage_deflate: {figure}",
                ours=median(mine for mine, _ in values),
                unit=unit,
                floor=median(other for _, other in values),
                floor_is=FLOOR_IS,
                ratio=paired_ratio(values),
            )

        token = await row("CPU a token of one session", "µs", lambda one: token_us(one, size), size.pairs)
        # After a turn of each, so that what a server loads for its first turn is not counted.
        idle = await row(
            "memory of a socket that got a turn, with its session",
            "KiB",
            lambda one: idle_kib(one, size),
            1,
            warm_up=False,  # what an earlier turn has freed would be taken again
        )
        return [
            token,
            await row("CPU of a snapshot, a MB of prose", "ms", lambda one: snapshot_ms(one, size), size.pairs),
            idle,
        ]


async def token_us(target: Server, size: Size) -> float:
    """The CPU µs of each token, the whole turn included."""
    async with client(target.socket_url, compression="deflate") as one:
        before = await target.cpu_at_rest_s()
        await one.turn(f"tokens={size.tokens} every_ms={size.every_ms}")
        return (await target.cpu_at_rest_s() - before) / size.tokens * 1e6


async def snapshot_ms(target: Server, size: Size) -> float:
    """The CPU ms of a snapshot for each million characters in it: this project's documents, opening the socket included."""
    prose = "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    text = "tokens=1 every_ms=0 " + prose[: size.chars].replace("=", "-")
    async with client(target.socket_url, compression="deflate") as one:
        await one.turn(text)
        url = f"{target.socket_url}/{one.session_id}"
        before = await target.cpu_at_rest_s()
        for _ in range(size.snapshots):
            async with client(url, compression="deflate"):
                pass
        spent = await target.cpu_at_rest_s() - before
    return spent / size.snapshots / len(text) * 1e9


async def idle_kib(target: Server, size: Size) -> float:
    """KiB of each of so many sockets, with a session each, after one turn of a few tokens."""
    async with contextlib.AsyncExitStack() as sockets:
        before = target.anonymous_kib()
        for _ in range(size.idle):
            one: Client = await sockets.enter_async_context(client(target.socket_url, compression="deflate"))
            await one.turn("tokens=5 every_ms=0")
        return (target.anonymous_kib() - before) / size.idle
