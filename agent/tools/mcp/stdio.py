"""Stdio transport: runs an MCP server as a process, with a small environment and bounded lines.

It replaces the library's `stdio_client`, which has no bound on a line, logs each invalid line with a traceback, and leaves
the server running when Holdfast is killed.
"""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.pace import Lines, Pace, TooLong
from agent.tools.mcp.incoming.reading import MessageReader
from agent.tools.mcp.settings import McpServer
from agent.util.processes import Launch, Process, start_process
from agent.util.tasks import TaskOwner

log = logging.getLogger("holdfast.mcp")

SUPERVISOR = Path(__file__).with_name("supervisor.py")
INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""The environment variables that a server's process inherits; none of them is a credential."""

READ_BYTES = 65_536
LINE_CHARS_MAX = 1_000
LINE_COST = 0.01
"""What a line that is no message counts in `Pace`: splitting it takes some microseconds."""

BAD_LINES_LOGGED = 3
EXIT_WAIT_S = 1.0
"""How long to wait for the exit code of a process that has closed its output."""


STOP_WAIT_S = 1.0
"""How long a process may take to end by itself; then it is killed. A stop of the server waits for it."""

MESSAGE_BYTES_MAX = 16_777_216
"""Longest message of a server; a longer one ends its connection. A screenshot fits in, in base64."""

WRITE_TIMEOUT_S = 30.0
"""How long a process may leave what is written to it unread, beside the 64 kB of its pipe."""

STDERR_LINES_PER_MINUTE = 60
"""Lines of a process's standard error that are logged; a server that writes much must not fill the log."""


def environment(entry: McpServer, environ: Mapping[str, str], token: str | None) -> dict[str, str]:
    """The environment of the server's process: `INHERITED`, the entry's own, and the owner's token if the entry says so."""
    given = {name: environ[name] for name in INHERITED if name in environ}
    given |= entry.env
    if entry.owner_token and token:
        given[entry.owner_token_env] = token
    return given


def program(entry: McpServer, environ: Mapping[str, str]) -> str | None:
    """The absolute path of the entry's command, on the PATH of its process; None if it is not found."""
    found = shutil.which(entry.command, path=environment(entry, environ, None).get("PATH", os.defpath))
    return found and str(Path(found).absolute())  # not resolved: the interpreter of an environment is a link


def make_workspace(folder: Path) -> None:
    """Make the workspace in which a process works, as the session's first write does. Blocks."""
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@asynccontextmanager
async def stdio_transport(
    name: str, entry: McpServer, token: str | None, ended: Callable[[str], None]
) -> AsyncIterator[tuple[Any, Any]]:
    """The transport that the MCP client takes. `ended` gets the reason when the process ends by itself.

    Raises McpServerError if it cannot be started.
    """
    import anyio
    from mcp.shared.message import SessionMessage

    process = await _Process.start(name, entry, token)
    arriving, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = TaskOwner(f"mcp/{name}")
    try:
        tasks.start(process.log_stderr(), "stderr")
        tasks.start(process.read(arriving, ended), "stdout")
        tasks.start(process.write(leaving, ended), "stdin")
        yield read_stream, write_stream
    finally:
        # A scope that is cancelled, such as the client's own, cancels each await in it: not those of the end.
        with anyio.CancelScope(shield=True):
            try:
                await _finish(tasks.start(process.end(), "end"))
            finally:
                process.release()
                tasks.cancel()
                await tasks.aclose()
                for stream in (arriving, read_stream, write_stream, leaving):
                    stream.close()


async def _finish(ending: "asyncio.Task[None]") -> None:
    """Wait until the task is done, also when cancelled: a process that is not waited for stays a zombie. The task has a bound."""
    cancelled: asyncio.CancelledError | None = None
    while not ending.done():
        try:
            await asyncio.wait({ending})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    ending.result()


class _Process:
    """The process of the supervisor, which runs the server's process."""

    def __init__(self, name: str, process: Process, lifeline: int) -> None:
        assert process.stderr is not None
        self._name = name
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._lifeline: int | None = lifeline
        self._reader = MessageReader()
        self._bad_lines = 0
        self._ending = False

    @classmethod
    async def start(cls, name: str, entry: McpServer, token: str | None) -> "_Process":
        path = program(entry, os.environ)
        if path is None:
            raise McpServerError("its command is not on the PATH")
        held, lifeline = os.pipe()
        supervise = [sys.executable, "-I", "-S", str(SUPERVISOR), str(held), str(STOP_WAIT_S)]
        try:
            process = await start_process(
                Launch(
                    command=[*supervise, path, *entry.args],
                    environ=environment(entry, os.environ, token),
                    stderr=subprocess.PIPE,
                    cwd=entry.cwd or None,
                    passed=(held,),
                    new_session=True,
                )
            )
        except (OSError, ValueError) as error:
            os.close(lifeline)
            raise McpServerError("its process could not be started; is its cwd a folder?") from error
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(held)
        return cls(name, process, lifeline)

    async def read(self, arriving: Any, ended: Callable[[str], None]) -> None:
        """Read its messages, one per line. A line that is not a message is ignored."""
        import anyio

        reason = "it closed its output"
        with arriving:
            try:
                async for line in self._lines():
                    message = await self._message(line)
                    if message is not None:
                        await arriving.send(message)
            except McpServerError as fault:
                ended(str(fault))
                return
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # the client is gone
            if await self._ends(EXIT_WAIT_S):
                reason = f"its process ended with code {self._process.returncode}"
            if not self._ending:
                ended(reason)  # before the client sees the end, so that running calls get the reason

    async def write(self, leaving: Any, ended: Callable[[str], None]) -> None:
        """Write the client's messages. A server that does not read them is lost: answers to its requests would pile up."""
        async for message in leaving:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    self._stdin.write(f"{line}\n".encode())
                    await self._stdin.drain()
            except TimeoutError:
                ended("it does not read its input")
                return
            except ConnectionError:
                continue  # `read` reports its end

    async def log_stderr(self) -> None:
        """Log its standard error, at most `stderr_lines_per_minute` lines a minute."""
        lines, pace = LineBudget(STDERR_LINES_PER_MINUTE), Pace()
        rest = b""
        while data := await self._stderr.read(READ_BYTES):
            await pace.wait(LINE_COST * data.count(b"\n"), len(data))
            *whole, rest = (rest + data).split(b"\n")
            rest = rest[-LINE_CHARS_MAX:]
            for line in whole:
                text = line.decode(errors="replace").strip()[:LINE_CHARS_MAX]
                if text and lines.take(time.monotonic()):
                    log.info("MCP server %s: %s", self._name, text)

    async def end(self) -> None:
        """Close its input, so that it ends; if it does not end in time, kill it with all processes that it started."""
        self._ending = True
        self._stdin.close()
        if not await self._ends(STOP_WAIT_S):
            self._close_lifeline()
            if not await self._ends(2 * STOP_WAIT_S + 1):
                log.warning("MCP server %s does not end; killing its process group", self._name)
                self._kill_group()
                await self._ends(EXIT_WAIT_S)
        if (self._process.returncode or 0) < 0:
            self._kill_group()  # the supervisor was killed before it could end the server

    def release(self) -> None:
        """Close the lifeline, so that the supervisor ends the server, and its pipes. Does not wait."""
        self._close_lifeline()
        self._process.close()

    async def _ends(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._process.wait()
        return self._process.returncode is not None

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def _lines(self) -> AsyncIterator[bytes]:
        """The lines that are not empty, each at the connection's pace."""
        lines = Lines(MESSAGE_BYTES_MAX)
        try:
            while data := await self._stdout.read(READ_BYTES):
                complete = lines.feed(data)
                filled = [line for line in complete if line and not line.isspace()]
                await self._reader.pace.wait(LINE_COST * (len(complete) - len(filled)), 0)
                for line in filled:
                    yield line
        except TooLong:
            raise McpServerError(f"it sent a message of more than {MESSAGE_BYTES_MAX} bytes") from None

    async def _message(self, line: bytes) -> Any:
        """The message of a line; None for one that is left out, or that is no message."""
        from mcp.shared.message import SessionMessage
        from mcp.types import jsonrpc_message_adapter

        try:
            bounded = await self._reader.read(line)
            if bounded is None:
                return None
            # Decoded by msgspec, which takes half as long as pydantic for a large file in base64.
            return SessionMessage(jsonrpc_message_adapter.validate_python(msgspec.json.decode(bounded), by_name=False))
        except ValueError:
            self._bad_lines += 1
            if self._bad_lines <= BAD_LINES_LOGGED:
                text = line[:LINE_CHARS_MAX].decode(errors="replace")
                log.warning(
                    "MCP server %s writes a line to its standard output that is not a message: %s", self._name, text
                )
            return None


class LineBudget:
    """Allows a number of lines each minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = 0
        self._taken = 0

    def take(self, now_s: float) -> bool:
        """Whether one more line is allowed at this time, in seconds."""
        minute = int(now_s // 60)
        if minute != self._minute:
            self._minute, self._taken = minute, 0
        self._taken += 1
        return self._taken <= self._most
