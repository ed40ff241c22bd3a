"""Programs: runs a program to its end in a thread, within a time; a caller that is cancelled ends it.

`asyncio` and uvloop start a process on the event loop, and uvloop's `fork` copies the tables of the server's memory: with many
processes the loop would stand still for most of the time. A thread starts one by `vfork`, which copies nothing.
"""

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

import msgspec

from agent.util.executors import HolderExecutor


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program and its input.

    `timeout_s`: how long it may take from its start. `until`: when it must have ended, as `time.monotonic` counts.
    `passed`: descriptors that it inherits; they are closed here, in any case.
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    timeout_s: float
    until: float = math.inf
    data: bytes = b""
    passed: tuple[int, ...] = ()


class ProgramResult(msgspec.Struct, frozen=True):
    """How a program ended. `code`: its exit code, -n for signal n. `late`: it was killed. `output`, `errors`: what it wrote."""

    code: int
    late: bool
    output: bytes
    errors: bytes


async def run_program(threads: HolderExecutor, program: Program) -> ProgramResult:
    """Run a program in one of these threads; it is killed when it is late, and when the caller is cancelled.

    Raises PlacesTaken, OSError.
    """
    running = _Running(program)
    try:
        return await threads.run(running.run)
    except BaseException:
        running.stop()
        raise


class _Running:
    """One run. `run` is for the thread, `stop` for the caller."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._passed = program.passed
        self._lock = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> ProgramResult:
        with self._lock:
            if self._stopped:
                return ProgramResult(-signal.SIGKILL, True, b"", b"")
            try:
                self._process = process = self._start()
            finally:
                self._close_passed()
        left_s = min(self._program.timeout_s, self._program.until - time.monotonic())
        with process:  # closes its pipes, in any case
            try:
                output, errors = process.communicate(self._program.data, max(0.0, left_s))
                late = False
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
                late = True
        return ProgramResult(process.returncode, late, output, errors)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._process is None:
                self._close_passed()
            else:
                self._process.kill()

    def _close_passed(self) -> None:
        """Close them once, under the lock: later their numbers may be those of other files."""
        passed, self._passed = self._passed, ()
        for descriptor in passed:
            os.close(descriptor)

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._program.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(self._program.environ),
            pass_fds=self._program.passed,
            process_group=0,  # not a session: Linux may count a nice value only within one (sched(7), autogroups)
        )
