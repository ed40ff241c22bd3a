"""Processes: the server under test, the scripted model and the bare readers, each a process of its own."""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

ROOT = Path(__file__).parent.parent
START_S = 30.0
"""How long a process may take to say that it is ready."""
_QUIET_CPU_S = 0.000_3
_LOOK_S = 0.03
_QUIET_LOOKS = 50


class Build(msgspec.Struct, frozen=True):
    """A checkout that can be run. `program`: the `holdfast` of its own environment."""

    title: str
    root: Path
    program: Path


def this_build() -> Build:
    """The checkout that these benchmarks are part of."""
    return Build("this checkout", ROOT, Path(sys.executable).parent / "holdfast")


class ProcessFailed(Exception):
    """A process ended that should not have, or did not say what was waited for."""


class Process:
    """A child: its clock of CPU time, its memory, and lines to and from it."""

    def __init__(self, child: asyncio.subprocess.Process, name: str) -> None:
        self._child = child
        self._name = name

    @classmethod
    async def start(cls, name: str, *arguments: str, build: Build | None = None) -> Self:
        """Run `python ARGUMENTS` here, or `holdfast ARGUMENTS` of a build. Its standard error goes to the terminal."""
        environ = {name: value for name, value in os.environ.items() if build is None or name != "PYTHONPATH"}
        child = await asyncio.create_subprocess_exec(
            str(build.program) if build else sys.executable,
            *arguments,
            cwd=build.root if build else ROOT,
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        return cls(child, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far, those that ended included.

        Its own clock, in ns where /proc counts ticks of 10 ms: clock_getcpuclockid(3), which Python does not have.
        """
        return time.clock_gettime((~self.pid << 3) | 2)

    async def cpu_at_rest_s(self) -> float:
        """The same as soon as it does nothing any more."""
        before = self.cpu_s()
        for _ in range(_QUIET_LOOKS):
            await asyncio.sleep(_LOOK_S)
            now = self.cpu_s()
            if now - before < _QUIET_CPU_S:
                return now
            before = now
        return before

    def anonymous_kib(self) -> int:
        """Memory that is its own alone: no code, no mapped files."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii")
        found = dict(re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE))
        return int(found["Anonymous"]) + int(found["Swap"])

    async def line(self, pattern: str) -> re.Match[str]:
        """The first line of its standard output that matches. Raises `ProcessFailed`."""
        assert self._child.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                while line := await self._child.stdout.readline():
                    found = re.search(pattern, line.decode())
                    if found:
                        return found
        except TimeoutError:
            raise ProcessFailed(f"{self._name}: no line {pattern!r} within {START_S:g} s") from None
        raise ProcessFailed(f"{self._name} ended with {await self._child.wait()}")

    async def write_line(self, line: bytes) -> None:
        """One line to its standard input."""
        assert self._child.stdin is not None
        self._child.stdin.write(line + b"\n")
        await self._child.stdin.drain()

    async def read_line(self) -> bytes:
        """The next line of its standard output. Raises `ProcessFailed`."""
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        if not line:
            raise ProcessFailed(f"{self._name} ended with {await self._child.wait()}")
        return line

    async def stop(self) -> None:
        """End it at once: nothing of it is wanted any more."""
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()
        await self._child.communicate()


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes that are begun within run on this core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.asynccontextmanager
async def scripted_model() -> AsyncIterator[str]:
    """A model server; gives its API base."""
    async with await Process.start("the scripted model", "-m", "tests.support.models.scripted_model") as process:
        yield (await process.line(r"listening on (http\S+)"))[1]


class Server(Process):
    """The server under test."""

    address = ""

    @property
    def socket_url(self) -> str:
        return f"ws{self.address.removeprefix('http')}/ws"


@contextlib.asynccontextmanager
async def server(
    api_base: str,
    model: str,
    groups: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    build: Build | None = None,
) -> AsyncIterator[Server]:
    """A server on a free port and an empty journal, calling `model` at `api_base`; `groups` go over its settings.

    `build`: whose server it is; None: this checkout's, run by the Python that runs the benchmarks.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        path = Path(folder)
        config = path / "config.json"
        config.write_bytes(msgspec.json.encode(configuration(api_base, model, groups)))
        command = ("serve",) if build else ("-m", "server")
        arguments = (*command, "--config", str(config), "--data", str(path / "data"))
        async with await Server.start(
            f"the server of {build.title}" if build else "the server", *arguments, build=build
        ) as process:
            process.address = (await process.line(r"listening on (http\S+)"))[1]
            yield process


def configuration(
    api_base: str, model: str, groups: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, object]]:
    """A config file's content: room for the benchmark's sessions, and `groups` over that."""
    chosen: dict[str, dict[str, object]] = {
        "server": {"port": 0, "log_level": "warning"},
        "auth": {"local_token": False},
        "sessions": {"awake_max": 10_000, "awake_max_per_user": 10_000, "idle_sleep_s": 3_600},
        "model": {"model": model},
        "turn": {"title_by_model": False},
        "users": {"stored_sessions_max": 100_000, "sockets_max": 10_000, "submissions_per_minute": 1_000_000},
    }
    for name, values in groups.items():
        chosen[name] = {**chosen.get(name, {}), **values}
    calls = chosen["model"].pop("calls", {})
    assert isinstance(calls, dict)
    chosen["model"]["calls"] = {"api_base": api_base, "api_key": "none", **calls}
    return chosen


class Reading(msgspec.Struct, frozen=True):
    """What a bare reader is to do: so many streams at once, asked with this text. `cancel_after`: break off then."""

    streams: int
    words: str
    cancel_after: int = 0


class ReadingDone(msgspec.Struct, frozen=True):
    """For each stream its arrivals (monotonic ns, text); and when they were cancelled, in monotonic ns."""

    arrivals: list[list[tuple[int, str]]]
    cancelled_at: int = 0


class Reader(Process):
    """A bare reader."""

    async def read(self, reading: Reading) -> ReadingDone:
        """Have it read. Raises `ProcessFailed`."""
        await self.write_line(msgspec.json.encode(reading))
        return msgspec.json.decode(await self.read_line(), type=ReadingDone)


@contextlib.asynccontextmanager
async def reader(kind: str, api_base: str, model: str) -> AsyncIterator[Reader]:
    """A bare reader process (see `benchmarks.reader`), ready to read."""
    async with await Reader.start(f"the {kind} reader", "-m", "benchmarks.reader", kind, api_base, model) as process:
        await process.line("ready")
        yield process
