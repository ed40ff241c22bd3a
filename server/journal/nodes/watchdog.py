"""Watchdog, the server's side: starts the program that kills a paused server's commands before another server takes its sessions."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from server.journal.nodes import watchdog_program

log = logging.getLogger("holdfast.nodes")

PROGRAM = Path(watchdog_program.__file__)


class Watchdog:
    """The program. Used by one thread, but for `stand_down`. Where there is no /proc, there is none: then a paused server's commands run on."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program. Blocking."""
        if not Path("/proc/self/stat").exists():
            return
        command = [sys.executable, "-I", "-S", str(PROGRAM), str(os.getpid())]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, start_new_session=True, bufsize=0)
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        self._process = process

    def arm(self, until: float) -> None:
        """Have everything killed at this time of the monotonic clock, unless it is called again before, or `stand_down` is."""
        if self._process is not None and self._process.poll() is not None:
            log.warning("the watchdog ended with %s and is started again", self._process.returncode)
            self.stop()
            self.start()
        self._write(f"{until:.6f}\n")

    def stand_down(self) -> None:
        """There is nothing to kill: the server has stopped everything by itself. Called in any thread."""
        self._write("0\n")

    def stop(self) -> None:
        """End the program. Blocking."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

    def _write(self, line: str) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.write(line.encode())
        except (BlockingIOError, BrokenPipeError, ValueError) as error:
            log.info("the watchdog was not told: %s", error)
