"""Start-up: from exec to the first answer, in a compiled environment."""

import asyncio
import compileall
import socket
import tempfile
import time
from statistics import median

import msgspec

from benchmarks.processes import ROOT, START_S, Build, Process, ProcessFailed
from benchmarks.table import Row

STARTS = 7
LISTENING_MAX_S = 1.0
_LOOK_S = 0.005


async def measure(starts: int = STARTS) -> list[Row]:
    """The server and a bare one, in turn."""
    await asyncio.to_thread(compile_packages)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(starts):
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
            ours.append((await start("the server", "-m", "server", "--data", folder, "--port")).elapsed_s)
        bare.append((await start("the bare server", "-m", "benchmarks.bare_server")).elapsed_s)
    return [
        Row(
            figure="from exec to the first answer to `GET /livez`",
            ours=median(ours),
            unit="s",
            floor=median(bare),
            floor_is="a bare Starlette app",
            ratio=median(mine / other for mine, other in zip(ours, bare, strict=True)),
            bound=f"≤ {LISTENING_MAX_S:g} s",
            within=median(ours) <= LISTENING_MAX_S,
        )
    ]


def compile_packages() -> None:
    """As the set-up does: our own packages compiled. Where Python may not write bytecode, an import compiles anew."""
    for package in ("agent", "benchmarks", "clients", "protocol", "server"):
        compileall.compile_dir(ROOT / package, quiet=2)


class Start(msgspec.Struct, frozen=True):
    """A start, from exec to the first answer: elapsed seconds, and CPU seconds of the process."""

    elapsed_s: float
    cpu_s: float


async def start(name: str, *arguments: str, build: Build | None = None) -> Start:
    """Start a server until `GET /livez` on the port, the last argument, is answered. Raises `ProcessFailed`."""
    port = free_port()
    began = time.monotonic()
    async with await Process.start(name, *arguments, str(port), build=build) as process:
        while time.monotonic() - began < START_S:
            if await _answers(port):
                return Start(time.monotonic() - began, process.cpu_s())
            await asyncio.sleep(_LOOK_S)
    raise ProcessFailed(f"{name} does not answer within {START_S:g} s")


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def _answers(port: int) -> bool:
    try:
        lines, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
        status = await lines.readline()
    finally:
        writer.close()
    if not status.startswith(b"HTTP/1.1 200"):
        raise ProcessFailed(f"GET /livez was answered with {status!r}")
    return True
