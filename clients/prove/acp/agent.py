"""Agent: an ACP agent as a process: requests and their answers, updates, and its end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from clients.session.tasks import Start

LINE_BYTES_MAX = 2**26
END_S = 10.0


class Gone(Exception):
    """The agent ended before it answered."""


class Agent:
    """The process. `updates` takes each `session/update`, `odd` each line that is no message of the protocol."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._environ = environ
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._number = 0
        self.updates: Callable[[Mapping[str, Any]], None] = lambda update: None
        self.odd: Callable[[str], None] = lambda line: None

    async def start(self, start: Start) -> None:
        """Start it, and read what it says."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**os.environ, **self._environ},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_BYTES_MAX,
                start_new_session=True,
            )
        start(self._read(self._process), "prove agent")

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request, and wait for its answer: the whole message, with `result` or `error`. Raises `Gone`."""
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            result: Mapping[str, Any] = await answer
            return result
        finally:
            self._waiting.pop(number, None)

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def send_line(self, line: str) -> None:
        """Send a line that may be no message."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(line.encode() + b"\n")

    async def end(self, number: signal.Signals | None) -> None:
        """End it by this signal, or by closing its input; SIGKILL for what is left of it."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        if number is not None and process.returncode is None:
            process.send_signal(number)
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def _send(self, message: Mapping[str, Any]) -> None:
        self.send_line(msgspec.json.encode(message).decode())

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            try:
                message = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                self.odd(line.decode(errors="replace").strip())
                continue
            self._take(message)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Gone("the agent ended"))

    def _take(self, message: Mapping[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        if method == "session/update":
            self.updates(message["params"]["update"])
        elif method == "session/request_permission":
            allowed = [one["optionId"] for one in message["params"]["options"] if one["kind"] == "allow_once"]
            outcome = {"outcome": "selected", "optionId": allowed[0]} if allowed else {"outcome": "cancelled"}
            self._send({"jsonrpc": "2.0", "id": number, "result": {"outcome": outcome}})
        elif method is not None and number is not None:
            error = {"code": -32601, "message": "this client does not have that"}
            self._send({"jsonrpc": "2.0", "id": number, "error": error})
        elif isinstance(number, int) and number in self._waiting and not self._waiting[number].done():
            self._waiting[number].set_result(message)
