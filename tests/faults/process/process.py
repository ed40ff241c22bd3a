"""Server processes: started, killed, stopped and started again at the same port and on the same data.

    async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server:
        await server.start(Failpoint("append", 7, "after"))
        ...                                    # server.ws, server.http; the port stays the same over starts
        assert await server.ended() == -9
        await server.start()
        assert await server.terminate() == 0

`zygote` is a fixture, one for each test worker. A start costs some 0.1 s of CPU, not LiteLLM's 2.5 s.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agent.util.tasks import TaskOwner
from server.config.settings import Settings
from tests.faults.harness.order import Failpoint, Hook, Order, Report
from tests.support.constants import changed, constants
from tests.support.forking import requests
from tests.support.network.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0


class Zygote:
    """The process that forks servers. One for a test worker; it belongs to no event loop."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if requests.address is None:
                command = [sys.executable, "-m", "tests.faults.process.zygote", str(theirs.fileno())]
                self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=(theirs.fileno(),))
            else:
                requests.ask(requests.address, requests.Request(), [theirs.fileno()]).close()
        assert self._orders.recv(16) == b"ready", "the zygote did not start"

    def fork(self, order: Order, listener: socket.socket | None = None) -> socket.socket:
        """A server process, on `listener` if there is one; the socket on which its `Report`s come."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        with theirs:
            given = [theirs.fileno()] if listener is None else [theirs.fileno(), listener.fileno()]
            socket.send_fds(self._orders, [msgspec.json.encode(order)], given)
        return mine

    def close(self) -> None:
        """End it and all that came of it."""
        self._orders.shutdown(socket.SHUT_WR)
        self._orders.settimeout(PATIENCE_S)
        assert not self._orders.recv(16), "the zygote says more than that it is ready"
        self._orders.close()
        if self._process is not None:
            self._process.wait(PATIENCE_S)


class NotListening(Exception):
    """The server ended before it listened; the message has its exit code and what it said."""


class ServerProcess:
    """One server after another on the same folder and port. What they said is shown when the test fails."""

    def __init__(
        self,
        zygote: Zygote,
        folder: Path,
        settings: Settings,
        *,
        hooks: Sequence[Hook] = (),
        listener: socket.socket | None = None,
    ) -> None:
        """`folder` is where the logs go. `settings` may be changed between starts; a port of 0 is replaced by one that stays.

        `listener`: a bound socket that is handed to every start with `--fd`, as a supervisor does.
        """
        server = settings.server
        if listener is not None:
            settings = msgspec.structs.replace(
                settings, server=msgspec.structs.replace(server, port=listener.getsockname()[1])
            )
        elif server.port == 0:
            settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(server, port=free_port()))
        self.settings = settings
        self.hooks = tuple(hooks)
        self.environ: dict[str, str] = {}
        self.pid = 0
        self.starts = 0
        self._zygote = zygote
        self._listener = listener
        self._folder = folder
        self._tasks = TaskOwner("server process")
        self._listening = asyncio.Event()
        self._gone = asyncio.Event()
        self._gone.set()
        self._status = 0

    @property
    def port(self) -> int:
        return self.settings.server.port

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return not self._gone.is_set()

    @property
    def stderr(self) -> str:
        """What all starts so far said on standard error."""
        path = self._folder / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def calls(self) -> Counter[str]:
        """How often each operation of the journal was begun since the last start."""
        path = self._calls
        return Counter(path.read_text().split()) if path.exists() else Counter()

    @property
    def _calls(self) -> Path:
        return self._folder / f"calls-{self.starts}"

    async def begin(self, *failpoints: Failpoint) -> None:
        """Start it, without waiting until it listens."""
        assert not self.running, "it runs already"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.starts += 1
        config = self._folder / "config.json"
        config.write_bytes(msgspec.json.encode(self.settings))
        order = Order(
            argv=["serve", "--config", str(config)],
            failpoints=list(failpoints),
            hooks=[constants(changed), *self.hooks],
            environ=self.environ,
            stdout=str(self._folder / "stdout"),
            stderr=str(self._folder / "stderr"),
            calls=str(self._calls),
        )
        self._listening.clear()
        self._gone.clear()
        reports = self._zygote.fork(order, self._listener)
        born = asyncio.Event()
        self._tasks.start(self._follow(reports, born), "reports")
        async with asyncio.timeout(PATIENCE_S):
            await born.wait()

    async def start(self, *failpoints: Failpoint) -> None:
        """Start it and wait until it listens. Raises `NotListening`."""
        await self.begin(*failpoints)
        await self.listening()

    async def listening(self) -> None:
        """Until it listens. Raises `NotListening`."""
        await self._first(self._listening, self._gone)
        if not self._listening.is_set():
            raise NotListening(f"the server ended with {self.code}:\n{self.stderr}")

    async def ended(self) -> int:
        """Wait for its end by itself; its exit code, or the signal's negative number."""
        await self._first(self._gone)
        return self.code

    @property
    def code(self) -> int:
        """How the last one ended: its exit code, or the negative number of the signal."""
        return os.waitstatus_to_exitcode(self._status)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.running:
            os.kill(self.pid, number)

    async def kill(self) -> int:
        """Kill -9, and wait until it is gone. Its code is -9, unless it ended before."""
        self.signal(signal.SIGKILL)
        return await self.ended()

    async def terminate(self) -> int:
        """SIGTERM, and wait for its end."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            await self.kill()
        await self._tasks.aclose()
        if error is not None:
            error.add_note(
                f"--- what the server said on standard error (started {self.starts} times) ---\n{self.stderr}"
            )

    async def _first(self, *events: asyncio.Event) -> None:
        """Until one of these is set."""
        waits = [self._tasks.start(event.wait(), "wait") for event in events]
        try:
            done, _ = await asyncio.wait(waits, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not done:
            raise TimeoutError(f"nothing became of the server in {PATIENCE_S:g} s")

    async def _follow(self, reports: socket.socket, born: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        with reports:
            while data := await loop.sock_recv(reports, 4096):
                report = msgspec.json.decode(data, type=Report)
                if report.pid is not None:
                    self.pid = report.pid
                    born.set()
                if report.port is not None:
                    self._listening.set()
                if report.status is not None:
                    self._status = report.status
                    break
            self._gone.set()
