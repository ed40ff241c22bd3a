"""Space program: the program inside a sandbox Space, run as a process in a folder of the test."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from agent.sandbox.in_space import SECRET_VARIABLE

ROOT = Path(__file__).resolve().parents[3]
SECRET = "s" * 32
LISTENING = b"listening on port "


class Program:
    """A program that runs, and where."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Kill it as the machine would."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def start_program(workspace: Path, secret: str = SECRET, app: Path = ROOT) -> Program:
    """Start it as it stands in the folder `app`, and wait until it listens."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(workspace.parent),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "HOLDFAST_SANDBOX_WORKSPACE": str(workspace),
        "PYTHONDONTWRITEBYTECODE": "1",
        SECRET_VARIABLE: secret,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent.sandbox.in_space"),
        cwd=app,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    line = await process.stderr.readline()
    if not line.startswith(LISTENING):
        line += await process.stderr.read()
        await process.wait()
        raise AssertionError(f"the program did not start: {line!r}")
    return Program(process, int(line.removeprefix(LISTENING)))


@contextlib.asynccontextmanager
async def space_program(workspace: Path, secret: str = SECRET) -> AsyncIterator[Program]:
    """The program, listening."""
    program = await start_program(workspace, secret)
    try:
        yield program
    finally:
        await program.stop()
