"""Watchdog: a program that kills what a server started once the server's lease is over, as a server that is paused cannot.

`python -I -S watchdog_program.py SERVER_PID`; it uses the standard library alone. On its standard input come lines, each a time of
the monotonic clock, which all processes of a machine share: the moment to act, unless another line comes before; `0`: there is
nothing to do. The input ends with the server. It needs /proc (Linux).
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple

ROUNDS, PAUSE_S = 200, 0.01
"""How often it looks whether something is left; what is killed may just have started something else."""

READ_BYTES = 4_096


class Armed(NamedTuple):
    """When to act; None: not at all. `rest`: the begin of a line that has not come whole."""

    until: float | None = None
    rest: bytes = b""


def read(armed: Armed, data: bytes) -> Armed:
    """What holds after this input. The last whole line counts."""
    *lines, rest = (armed.rest + data).split(b"\n")
    return Armed(float(lines[-1]) or None if lines else armed.until, rest)


def descendants(of: int, parents: dict[int, int], but: int) -> set[int]:
    """The processes that come of one, by the parent of each; without `but`, and what comes of that."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    left = [of]
    while left:
        new = [pid for pid in children.get(left.pop(), []) if pid != but and pid not in found]
        found.update(new)
        left += new
    return found


def living() -> dict[int, int]:
    """The parent of each process that runs: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  # starts in milliseconds, as it imports next to nothing
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  # as above
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    parents[int(name)] = int(parent)
    return parents


def kill_all(server: int) -> None:
    """Kill everything that the server started, but this program."""
    for _ in range(ROUNDS):
        found = descendants(server, living(), os.getpid())
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_S)


def main() -> int:
    """Watch until the input ends."""
    server, armed = int(sys.argv[1]), Armed()
    while True:
        wait_s = None if armed.until is None else max(0.0, armed.until - time.monotonic())
        ready, _, _ = select.select([0], [], [], wait_s)
        if ready:
            data = os.read(0, READ_BYTES)
            if not data:
                return 0
            armed = read(armed, data)
        elif armed.until is not None and time.monotonic() >= armed.until:
            kill_all(server)
            armed = armed._replace(until=None)


if __name__ == "__main__":
    sys.exit(main())
