"""Program: the server as a process that is started, killed, held and started again."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

START_S = 60.0
STOP_S = 30.0
LOOK_S = 0.02


class CannotStart(Exception):
    """The server did not start, or ended by itself; the message has the end of its log."""


class Program:
    """A server, by its command. `{port}` and `{data}` in the command stand for the port of the address and a folder of ours."""

    def __init__(self, command: str, url: str, folder: Path, environ: dict[str, str]) -> None:
        """`url`: where it will be reached. `environ`: what it gets beside our own environment."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self.url = url
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._data = folder / "data"
        self._saved = folder / "saved"
        self._log = folder / "server.log"
        values = {"port": str(self._port), "data": str(self._data)}
        self._command = [part.format(**values) for part in shlex.split(command)]
        self._environ = {**os.environ, **environ}
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def data(self) -> Path:
        """The folder that stands for `{data}`."""
        return self._data

    async def start(self) -> None:
        """Start it, and wait until its port takes connections. Raises `CannotStart`."""
        if self._listens():
            raise CannotStart(f"something else listens at {self._host}:{self._port}; end it, or choose another port")
        self._data.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1
        for _ in range(int(START_S / LOOK_S)):
            self._check()
            if self._listens():
                return
            await asyncio.sleep(LOOK_S)
        raise CannotStart(f"nothing listens at port {self._port} after {START_S:g} s")

    async def kill(self) -> None:
        """SIGKILL for it alone; wait for its end."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM; SIGKILL if that has no effect."""
        await self._end(signal.SIGTERM)

    async def pause(self, seconds: float) -> None:
        """SIGSTOP for so long, then SIGCONT."""
        process = self._check()
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    @property
    def has_saved(self) -> bool:
        """Whether there is a copy of its data."""
        return self._saved.exists()

    def save(self) -> None:
        """Copy its data. It does not run."""
        shutil.rmtree(self._saved, ignore_errors=True)
        shutil.copytree(self._data, self._saved, symlinks=True)

    def put_back(self) -> None:
        """Put the copy in place of its data. It does not run."""
        shutil.rmtree(self._data)
        shutil.copytree(self._saved, self._data, symlinks=True)

    async def aclose(self) -> None:
        """End it, and all processes that it started."""
        if self._process is None:
            return
        if self._process.returncode is None:
            await self.stop()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _listens(self) -> bool:
        """Whether its port takes connections."""
        try:
            with socket.create_connection((self._host, self._port), timeout=1.0):
                return True
        except OSError:
            return False

    def _check(self) -> asyncio.subprocess.Process:
        """The process, which runs. Raises `CannotStart` if it ended by itself."""
        process = self._process
        assert process is not None
        if process.returncode is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()[-5:]
            raise CannotStart(f"`{self._command[0]}` ended by itself with {process.returncode}: {' / '.join(lines)}")
        return process

    async def _end(self, number: signal.Signals) -> None:
        process = self._check()
        process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
