"""Frames: what receiving a small websocket frame costs, beside uvicorn's own websocket protocol, which bounds less."""

from statistics import median

import msgspec
from websockets.asyncio.client import connect

from benchmarks.bare_frames import LAST
from benchmarks.pairs import in_turn
from benchmarks.processes import Server
from benchmarks.statistics import paired_ratio
from benchmarks.table import Row

RATIO_MAX = 1.1


class Size(msgspec.Struct, frozen=True):
    """How much is measured: `frames` of `size` bytes on one socket, in messages of their own."""

    frames: int = 30_000
    size: int = 100
    pairs: int = 7


FULL = Size()


async def measure(size: Size = FULL) -> list[Row]:
    """Ours and uvicorn's, in turn."""
    async with await _start("ours") as ours, await _start("uvicorn") as bare:
        pairs = await in_turn((ours, bare), lambda one: frame_us(one, size), size.pairs)
    ratio = paired_ratio(pairs)
    return [
        Row(
            figure=f"CPU to receive a websocket frame of {size.size} bytes",
            ours=median(mine for mine, _ in pairs),
            unit="µs",
            floor=median(other for _, other in pairs),
            floor_is="uvicorn's protocol",
            ratio=ratio,
            bound=f"ratio ≤ {RATIO_MAX:g}",
            within=ratio <= RATIO_MAX,
        )
    ]


async def _start(protocol: str) -> Server:
    process = await Server.start(protocol, "-m", "benchmarks.bare_frames", protocol)
    process.address = "http://127.0.0.1:" + (await process.line(r"listening on (\d+)"))[1]
    return process


async def frame_us(process: Server, size: Size) -> float:
    """The CPU µs of each frame."""
    async with connect(process.socket_url, compression=None, proxy=None, open_timeout=60) as socket:
        before = await process.cpu_at_rest_s()
        for _ in range(size.frames):
            await socket.send("x" * size.size)
        await socket.send(LAST)
        await socket.recv()
        return (await process.cpu_at_rest_s() - before) / size.frames * 1e6
