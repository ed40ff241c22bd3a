"""Space program, commands: runs each command under a supervisor of its own, and ends it."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from agent.sandbox.in_space import PING_S, supervisor

COMMAND_BYTES_MAX = 100_000
"""Longest command; the system takes no argument above 131,072 bytes."""
COMMANDS_MAX = 32
"""Commands that run at once; one more is refused."""
OUTPUT_BYTES_MAX = 1 << 30
"""What one command may write; then it is ended."""
PIECE_BYTES = 32_768
ENDED_S = 10.0
"""How long a cancellation waits for the end of what it cancels."""


class RequestRefused(Exception):
    """A refused request: its HTTP status, and a message for the model."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RunningCommand:
    """One command: `run` carries it to its end, `stop` (from any thread) ends it."""

    def __init__(self, command: str, folder: str) -> None:
        self._stop_reader, self._stop_writer = os.pipe()
        self.ended = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-I", supervisor.__file__, command, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def stop(self) -> None:
        """Have it killed, with all that came of it."""
        with suppress(OSError):
            os.write(self._stop_writer, b"s")

    def run(self, client: socket.socket, deadline: float, send: Callable[[bytes], None]) -> tuple[int, str]:
        """Hand on its output until it ends, empty where it is silent; its exit code, and why it was ended, or nothing."""
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        os.set_blocking(output, False)
        ended = os.pidfd_open(self.process.pid)
        stopped = ""
        try:
            stopped = self._follow(output, ended, client, deadline, send)
        finally:
            os.close(ended)
            self._kill()
        if not stopped:
            while piece := _read(output):
                send(piece)
        code = self.process.wait()
        return (code if code >= 0 else 128 - code), stopped

    def close(self) -> None:
        """Let go of its pipes."""
        self.ended.set()
        for fd in (self._stop_reader, self._stop_writer):
            os.close(fd)
        for file in (self.process.stdin, self.process.stdout):
            if file is not None:
                file.close()

    def _follow(
        self, output: int, ended: int, client: socket.socket, deadline: float, send: Callable[[bytes], None]
    ) -> str:
        written = 0
        with selectors.DefaultSelector() as selector:
            for watched in (output, ended, self._stop_reader, client):
                selector.register(watched, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return "time"
                ready = {key.fileobj for key, _ in selector.select(min(PING_S, left))}
                if self._stop_reader in ready:
                    return "cancelled"
                if client in ready and _is_gone(client):
                    return "gone"
                if client in ready:
                    selector.unregister(client)  # it says more than it was asked: that is not read here
                if output in ready:
                    piece = _read(output)
                    written += len(piece)
                    if written > OUTPUT_BYTES_MAX:
                        return "output"
                    if piece:
                        send(piece)
                        continue
                    selector.unregister(output)  # it closed its output and goes on
                if ended in ready:
                    return ""
                if not ready:
                    send(b"")

    def _kill(self) -> None:
        """Whatever is left of it. The supervisor is killed last: without it they would have no ancestor to be found by."""
        if self.process.poll() is None:
            supervisor.kill_below(self.process.pid)
            self.process.kill()
            self.process.wait()


class CommandTable:
    """The commands that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, RunningCommand] = {}
        self._cancelled: deque[str] = deque(maxlen=1_000)

    def start(self, command_id: str, command: str, folder: str) -> RunningCommand:
        """Start one. Raises RequestRefused."""
        if len(command.encode()) > COMMAND_BYTES_MAX or "\0" in command:
            raise RequestRefused(
                400, f"the command is too long, at most {COMMAND_BYTES_MAX} bytes, or holds a zero byte"
            )
        with self._lock:
            if command_id in self._running:
                raise RequestRefused(409, "this command runs already")
            if command_id in self._cancelled:
                raise RequestRefused(409, "this command was cancelled before it began")
            if len(self._running) >= COMMANDS_MAX:
                raise RequestRefused(429, f"{COMMANDS_MAX} commands run already, which is the limit")
            running = self._running[command_id] = RunningCommand(command, folder)
            return running

    def end(self, command_id: str) -> None:
        """It is over. What its command left behind by killing its supervisor is killed too."""
        with self._lock:
            self._running.pop(command_id).close()
            ours = {running.process.pid for running in self._running.values()}
            while strays := [pid for pid in supervisor.children(os.getpid()) if pid not in ours]:
                for pid in strays:
                    supervisor.kill_below(pid)
                    supervisor.send([pid], signal.SIGKILL)
                    os.waitpid(pid, 0)

    def cancel(self, command_id: str) -> bool:
        """End one, with all that came of it, and wait for that; whether it ran. One that is yet to come will not."""
        with self._lock:
            running = self._running.get(command_id)
            if running is None:
                self._cancelled.append(command_id)
                return False
            running.stop()
        return running.ended.wait(ENDED_S)


def _read(output: int) -> bytes:
    """What is there to be read; empty if nothing is, or nothing ever will."""
    try:
        return os.read(output, PIECE_BYTES)
    except BlockingIOError:
        return b""


def _is_gone(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
