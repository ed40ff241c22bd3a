"""`wscat`: drives the real program (npm) through a pseudo-terminal."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 45.0


class Wscat:
    """A running wscat: `frames` is every frame it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.frames: list[dict[str, Any]] = []
        self.printed: list[str] = []
        self._process = process

    async def type(self, line: str) -> None:
        """Type a line and press Enter."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, type: str, at_least: int = 1) -> dict[str, Any]:
        """Read until a frame of this type was printed, for the `at_least`-th time since the last call; that frame."""
        assert self._process.stdout is not None
        while at_least:
            async with asyncio.timeout(PATIENCE_S):
                line = await self._process.stdout.readline()
            assert line, f"wscat ended; it printed {self.printed}"
            text = line.decode().strip().removeprefix("> ").removeprefix("< ")
            self.printed.append(text)
            if text.startswith("{"):
                self.frames.append(msgspec.json.decode(text))
                at_least -= self.frames[-1]["type"] == type
        return self.frames[-1]

    def frame_types(self) -> list[str]:
        """The types of the frames so far, each run of one type once, heartbeats left out."""
        types: list[str] = []
        for frame in self.frames:
            if frame["type"] != "heartbeat" and types[-1:] != [frame["type"]]:
                types.append(frame["type"])
        return types


def command() -> list[str]:
    """How wscat is started. Fails with the remedy if it is not there."""
    script = ROOT / "tests" / "support" / "npm" / "wscat" / "node_modules" / "wscat" / "bin" / "wscat"
    node = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv" / "bin"))
    assert node and script.exists(), "the real wscat is missing: run `make test` once, it installs it"
    return [node, str(script)]


@contextlib.asynccontextmanager
async def wscat(url: str, *options: str) -> AsyncIterator[Wscat]:
    """A wscat connected to `url`, with these options; at the end it is killed, which cuts its socket without a goodbye."""
    process = await asyncio.create_subprocess_exec(
        *command(),
        "-c",
        url,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**25,
    )
    try:
        yield Wscat(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
