"""Command process: streams one command's output, and ends it at its time limit, at a resource limit or when cancelled."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from agent.sandbox.local.bubblewrap import GO, READY
from agent.sandbox.local.limits import LimitMonitor
from agent.util.processes import Process
from agent.util.tasks import TaskOwner
from agent.workspace.files import ExitStatus, OutputSink, SandboxError

log = logging.getLogger("holdfast.sandbox")

PIECE_BYTES = 65_536
START_S = 20.0
MESSAGE_BYTES = 4_096


class CommandProcess:
    """A process that was started with pipes and waits for "go". `end` kills it with all its descendants."""

    def __init__(self, process: Process, end: Callable[[], None]) -> None:
        self._process = process
        self._end = end
        self._stopped = ""
        self._out, self._into = process.stdout, process.stdin

    async def ready(self) -> None:
        """Wait until its sandbox is set up. Raises SandboxError."""
        try:
            async with asyncio.timeout(START_S):
                first = await self._out.readline()
        except TimeoutError:
            first = b"it does not start\n"
        if first != READY:
            message = first + await self._out.read(MESSAGE_BYTES) if first else b""
            log.error("a sandbox did not start: %s", message.decode(errors="replace").strip() or "it wrote no reason")
            raise SandboxError("the sandbox did not start; the server's log says why")

    async def run(self, output: OutputSink, timeout_s: float, monitor: LimitMonitor) -> ExitStatus:
        """Let it begin, give its output to `output`, and wait for its end."""
        clock = asyncio.get_running_loop().call_later(timeout_s, self._stop, f"not done within {timeout_s:g} s")
        tasks = TaskOwner("command")
        tasks.start(self._monitor(monitor), "monitor")
        try:
            with suppress(ConnectionError):  # it has ended already; its exit code is read below
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
        """Kill it with all its descendants, and wait for its end."""
        self._end()
        self._into.close()
        while await self._out.read(PIECE_BYTES):
            pass  # some Python versions see a process as ended only after its pipes are
        await self._process.wait()
        self._process.close()

    def _stop(self, why: str) -> None:
        self._stopped = self._stopped or why
        self._end()

    async def _monitor(self, monitor: LimitMonitor) -> None:
        why = await monitor.until_exceeded(lambda: self._process.returncode is not None)
        if why:
            self._stop(why)
        else:
            self._end()
