"""Stdio supervisor: a program that runs an MCP server, and ends it with all its descendants when Holdfast ends.

`python -I -S supervisor.py LIFELINE GRACE_S COMMAND ARGS...`; it uses the standard library alone. LIFELINE is the read end of
a pipe; Holdfast holds the write end and never writes. The pipe ends when Holdfast closes it or is killed. Then the process
group gets SIGTERM, and after GRACE_S seconds every process that is left gets SIGKILL. On Linux the supervisor is the
subreaper of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER), so that none escapes by leaving the group.

Its exit code is that of the command, or 128 plus the number of the signal that ended it.
"""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36
NOT_STARTED = 127
NICENESS = 5
"""The command's priority is lower than Holdfast's: what it computes must not slow other users."""

GROUP_TRIES, GROUP_PAUSE_S = 5, 0.1
"""How often the nice value of the session is set: Linux does it ten times a second in all."""

KILL_ROUNDS, KILL_PAUSE_S = 200, 0.01


def main() -> int:
    """Run the command until it ends or the lifeline ends; the exit code."""
    lifeline, grace_s, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    become_subreaper()
    lower_session()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is sent to the group, this program included
    child = start(command, lifeline)
    close_pipes()
    code = watch(child, lifeline, wake)
    if code is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(0, signal.SIGTERM)
        code = wait_grace(child, wake, grace_s)
    end_all()
    return NOT_STARTED if code is None else code


def become_subreaper() -> None:
    """Become the subreaper of all descendants, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def lower_session() -> None:
    """Lower the priority of this session where Linux shares the processor between sessions (sched(7), autogroups).

    The command's nice value counts within its session alone there.
    """
    for _ in range(GROUP_TRIES if os.getsid(0) == os.getpid() else 0):
        try:
            with open("/proc/self/autogroup", "w", encoding="ascii") as group:
                group.write(str(NICENESS))
        except BlockingIOError:
            time.sleep(GROUP_PAUSE_S)
        except OSError:
            return  # not Linux, or one without it
        else:
            return


def start(command: list[str], lifeline: int) -> int:
    """Start the command; its process id. It inherits the standard streams and the process group, not the lifeline."""
    child = os.fork()
    if child:
        return child
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.close(lifeline)
        os.nice(NICENESS)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(NOT_STARTED)


def close_pipes() -> None:
    """Close this program's copies of the command's pipes, so that they end when the command ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def watch(child: int, lifeline: int, wake: int) -> int | None:
    """Wait for the end of the command or of the lifeline; the command's exit code, or None if the lifeline ended."""
    while True:
        ready, _, _ = select.select([lifeline, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            code = reap(child)
            if code is not None:
                return code
        if lifeline in ready:
            return None


def wait_grace(child: int, wake: int, grace_s: float) -> int | None:
    """Wait `grace_s` seconds for the command to end; its exit code, or None."""
    until = time.monotonic() + grace_s
    while (left := until - time.monotonic()) > 0:
        code = reap(child)
        if code is not None:
            return code
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 4096)
    return None


def reap(child: int) -> int | None:
    """Reap all ended children; the command's exit code if it is one of them."""
    code = None
    with suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            if process == child:
                ended = os.waitstatus_to_exitcode(status)
                code = ended if ended >= 0 else 128 - ended
    return code


def end_all() -> None:
    """Kill all descendants: orphans become children of this program, so it repeats until none is left."""
    for _ in range(KILL_ROUNDS):
        for process in children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(KILL_PAUSE_S)
        except ChildProcessError:
            return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(0, signal.SIGKILL)  # without /proc; this kills this program too


def children() -> list[int]:
    """The process ids of this program's children, from /proc; empty where there is no /proc."""
    mine = os.getpid()
    found = []
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError, ValueError, IndexError):
                    with open(f"/proc/{name}/stat", "rb") as file:
                        if int(file.read().rpartition(b")")[2].split()[1]) == mine:
                            found.append(int(name))
    return found


if __name__ == "__main__":
    os._exit(main())
