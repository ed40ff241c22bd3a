"""One command as a process: its output streamed, its end by itself, by the clock, by its watch or by being cancelled."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from agent.sandbox.local.bubblewrap import GO, READY
from agent.sandbox.local.limits import LimitMonitor
from agent.util.tasks import TaskOwner
from agent.workspace.files import ExitStatus, OutputSink, SandboxError

log = logging.getLogger("holdfast.sandbox")

PIECE_BYTES = 65_536
START_S = 20.0
COMPLAINT_BYTES = 4_096


class CommandProcess:
    """A process that has been started with pipes and waits to be told to begin. `end` kills all that came of it."""

    def __init__(self, process: asyncio.subprocess.Process, end: Callable[[], None]) -> None:
        self._process = process
        self._end = end
        self._stopped = ""
        assert process.stdout is not None and process.stdin is not None
        self._out, self._into = process.stdout, process.stdin

    async def ready(self) -> None:
        """Until the place where it will run stands. Raises SandboxError."""
        try:
            async with asyncio.timeout(START_S):
                first = await self._out.readline()
        except TimeoutError:
            first = b"it does not start\n"
        if first != READY:
            said = first + await self._out.read(COMPLAINT_BYTES) if first else b""
            log.error("a sandbox did not start: %s", said.decode(errors="replace").strip() or "it says nothing")
            raise SandboxError("the sandbox did not start; the server's log says why")

    async def run(self, output: OutputSink, timeout_s: float, watch: LimitMonitor) -> ExitStatus:
        """Let it begin, and follow it to its end."""
        clock = asyncio.get_running_loop().call_later(timeout_s, self._stop, f"not done within {timeout_s:g} s")
        tasks = TaskOwner("command")
        tasks.start(self._watched(watch), "watch")
        try:
            with suppress(ConnectionError):  # it has ended already; how is told below
                self._into.write(GO)
                await self._into.drain()
            while piece := await self._out.read(PIECE_BYTES):
                await output(piece)
            code = await self._process.wait()
        finally:
            clock.cancel()
            await tasks.aclose()
        return ExitStatus(code if code >= 0 else 128 - code, self._stopped)

    async def kill(self) -> None:
        """End it with all that came of it, if it has not ended, and wait for that."""
        self._end()
        self._into.close()
        while await self._out.read(PIECE_BYTES):
            pass  # some Pythons take a process for ended only once its pipes are
        await self._process.wait()

    def _stop(self, why: str) -> None:
        self._stopped = self._stopped or why
        self._end()

    async def _watched(self, watch: LimitMonitor) -> None:
        why = await watch.until_too_much(lambda: self._process.returncode is not None)
        if why:
            self._stop(why)
        else:
            self._end()
