"""Space program, supervisor: runs one command, and ends only when all its descendant processes have ended.

Run as a program of its own, once a command. Being its processes' subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), it stays
the ancestor of every one of them, daemons included. When its standard input ends it ends them.
"""

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
CANNOT_RUN = 126


def prctl(option: int, value: int) -> None:
    """Set an option of this process; see prctl(2). Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def children(parent: int) -> list[int]:
    """The processes that `parent` has to wait for, ended ones included."""
    return [pid for pid, (above, _) in _processes().items() if above == parent]


def descendants(ancestor: int) -> list[int]:
    """The living processes below `ancestor`, parents first."""
    below: dict[int, list[int]] = {}
    for pid, (parent, alive) in _processes().items():
        if alive:
            below.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(below.get(ancestor, ()))
    while waiting:
        pid = waiting.pop(0)
        found.append(pid)
        waiting += below.get(pid, ())
    return found


def _processes() -> dict[int, tuple[int, bool]]:
    """Every process: its parent, and whether it lives. See proc_pid_stat(5)."""
    found: dict[int, tuple[int, bool]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                found[int(name)] = int(parent), state not in (b"Z", b"X")
    return found


def send(pids: list[int], number: int) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_below(ancestor: int) -> None:
    """Kill every process below `ancestor`. They are stopped first, so that none escapes by making another."""
    stopped: set[int] = set()
    while fresh := [pid for pid in descendants(ancestor) if pid not in stopped]:
        send(fresh, signal.SIGSTOP)
        stopped.update(fresh)
    send(sorted(stopped), signal.SIGKILL)


def supervise(command: str, folder: str) -> int:
    """Run a shell command in a folder; its exit code, 128 + n for signal n, once nothing of it is left."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if child == 0:
        _become(command, folder)
    code = 0
    running = True
    while running:
        ready, _, _ = select.select([sys.stdin.fileno(), wake_read], [], [])
        if sys.stdin.fileno() in ready:
            break
        os.read(wake_read, 4_096)
        for pid, status in _reaped():
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                running = False
    while descendants(os.getpid()):
        kill_below(os.getpid())
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)
    return code if code >= 0 else 128 - code


def _become(command: str, folder: str) -> None:
    try:
        os.setsid()
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        os.execv(shell, [shell, "-c", command])
    except OSError as error:
        os.write(2, f"the command cannot be run: {error.strerror}\n".encode())
    os._exit(CANNOT_RUN)


def _reaped() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    with suppress(ChildProcessError):
        while (reaped := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            found.append(reaped)
    return found


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1], sys.argv[2]))
