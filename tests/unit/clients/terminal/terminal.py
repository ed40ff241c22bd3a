"""Terminal: runs `holdfast chat` as a process, with a pipe or a terminal for its input."""

import asyncio
import contextlib
import os
import pty
import re
import signal
import tty
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.forking.interpreter import holdfast

ROOT = Path(__file__).resolve().parents[4]
PATIENCE_S = 45.0
COMMAND = [*holdfast(), "chat"]


class Chat:
    """A running `holdfast chat`. `screen` is all it printed, standard error too."""

    def __init__(self, process: asyncio.subprocess.Process, keyboard: int) -> None:
        self.screen = ""
        self._process = process
        self._keyboard: int | None = keyboard
        self._read = 0

    def type(self, *lines: str) -> None:
        """Type lines, each ended by enter."""
        assert self._keyboard is not None
        os.write(self._keyboard, "".join(f"{line}\n" for line in lines).encode())

    def hang_up(self) -> None:
        """No more lines (a pipe's end)."""
        if self._keyboard is not None:
            os.close(self._keyboard)
            self._keyboard = None

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def sees(self, text: str) -> str:
        """Wait until this is printed, after what was waited for before; all that was printed up to it."""
        while (found := self.screen.find(text, self._read)) < 0:
            if not await self._more():
                raise AssertionError(f"never said {text!r}; the screen:\n{self.screen}")
        begin, self._read = self._read, found + len(text)
        return self.screen[begin : self._read]

    async def ends(self) -> int:
        """Wait for its end; the exit code."""
        while await self._more():
            pass
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    async def session_id(self) -> str:
        """The session it says it is in."""
        await self.sees("; /help lists the commands")
        found = re.search(r"session (\S+) \(model", self.screen)
        assert found is not None
        return found[1]

    async def _more(self) -> bool:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            data = await self._process.stdout.read(65_536)
        self.screen += data.decode()
        return bool(data)


@contextlib.asynccontextmanager
async def chat(*arguments: str, terminal: bool = False) -> AsyncIterator[Chat]:
    """Run it, with a pipe or a terminal to type into; killed at the end if it still runs."""
    keyboard, stdin = _terminal() if terminal else _pipe()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    os.close(stdin)
    running = Chat(process, keyboard)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        running.hang_up()


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    return writing, reading


def _terminal() -> tuple[int, int]:
    keyboard, stdin = pty.openpty()
    tty.setcbreak(stdin)
    return keyboard, stdin
