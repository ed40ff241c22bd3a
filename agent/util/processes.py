"""Processes: starts a program with pipes, and waits for it, without stopping the event loop for long.

uvloop starts a process by `fork`, which copies the tables of the server's memory in the event loop: 18 ms of the processor
for 300 MiB. `subprocess.Popen` uses `vfork`, which copies nothing and takes 0.3 ms (CPython, `_posixsubprocess.c`). It holds
the interpreter's lock meanwhile, so a thread would not help; and the kernel ends bubblewrap when the thread that started it
ends (PR_SET_PDEATHSIG), so the event loop's thread starts it.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from agent.util.threads import start_in_own_thread


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What to start. `environ`: its whole environment. `passed`: descriptors that it inherits.

    `stderr`: what `subprocess.Popen` takes: `subprocess.PIPE`, `STDOUT` (with the output) or `DEVNULL`.
    `new_group`: it leads a process group, in the server's session: Linux may count its nice value only there (sched(7), autogroups).
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    stderr: int
    cwd: str | Path | None = None
    passed: Sequence[int] = ()
    new_session: bool = False
    new_group: bool = False


class _Pipe:
    """An end of a pipe, as an event loop takes it: it closes the descriptor once.

    uvloop closes the descriptor of a transport itself, and then its file too (handles/handle.pyx, `_close`). By then the number may be
    that of a file which another thread has opened meanwhile.
    """

    def __init__(self, pipe: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._fd = os.dup(pipe.fileno())
        self._is_closed_by_loop = type(loop).__module__.partition(".")[0] == "uvloop"
        pipe.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def close(self) -> None:
        """Close it, unless the event loop has done that."""
        if not self._is_closed_by_loop:
            os.close(self._fd)


class Process:
    """A process and its pipes. `returncode`: None until its end was noticed; -n for signal n."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self.pid = popen.pid
        self.stdin: asyncio.StreamWriter
        self.stdout: asyncio.StreamReader
        self.stderr: asyncio.StreamReader | None = None
        self._popen = popen
        self._ended = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []

    @property
    def returncode(self) -> int | None:
        """Its exit code; None until its end was noticed."""
        return self._popen.returncode

    async def wait(self) -> int:
        """Wait for its end; its exit code."""
        await self._ended.wait()
        return self._popen.wait()

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self._popen.kill()

    async def communicate(self, data: bytes) -> bytes:
        """Write `data`, close its input, read its output to the end, and wait for its end; its output."""
        _, output = await asyncio.gather(self._feed(data), self.stdout.read())
        await self.wait()
        self.close()
        return output

    def close(self) -> None:
        """Close its pipes. Whoever starts a process does so once it has ended."""
        for transport in self._transports:
            transport.close()

    async def _feed(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # it reads no more, and its exit code says why
            self.stdin.write(data)
            await self.stdin.drain()
        self.stdin.close()

    async def _attach(self) -> None:
        """Connect its pipes to the event loop, and notice its end."""
        self._watch()
        popen = self._popen
        assert popen.stdin is not None and popen.stdout is not None
        self.stdin = await self._writer(popen.stdin)
        self.stdout = await self._reader(popen.stdout)
        if popen.stderr is not None:
            self.stderr = await self._reader(popen.stderr)

    async def _writer(self, pipe: IO[bytes]) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), _Pipe(pipe, loop)
        )
        self._transports.append(transport)
        return asyncio.StreamWriter(transport, protocol, None, loop)

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), _Pipe(pipe, loop))
        self._transports.append(transport)
        return reader

    def _watch(self) -> None:
        """Set `_ended` at its end: by a descriptor of the process, else by a thread that waits."""
        loop = asyncio.get_running_loop()
        try:
            watched = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or older than 5.3
            waiting = start_in_own_thread(f"wait-{self.pid}", self._popen.wait)
            waiting.add_done_callback(lambda _: self._ended.set())
            return

        def ended() -> None:
            loop.remove_reader(watched)
            os.close(watched)
            self._popen.wait()
            self._ended.set()

        loop.add_reader(watched, ended)


async def start_process(launch: Launch) -> Process:
    """Start a process. Raises OSError, and ValueError for a NUL in an argument. Cancelled, it kills what it has started."""
    process = Process(_start(launch))
    try:
        await process._attach()
    except BaseException:
        process.kill()
        process.close()
        raise
    return process


def _start(launch: Launch) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        launch.command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=launch.stderr,
        env=dict(launch.environ),
        cwd=launch.cwd,
        pass_fds=launch.passed,
        start_new_session=launch.new_session,
        process_group=0 if launch.new_group else None,
    )
