"""Beside a stdio server: a small program that starts it and ends it, with all it started, when Holdfast lets go.

`python -I -S supervisor.py LIFELINE GRACE_S COMMAND ARGS...` on the standard library alone. LIFELINE is the reading end of a
pipe whose other end Holdfast holds and never writes to: it ends when Holdfast closes it, and when Holdfast is killed. Then
the process group gets SIGTERM, and after GRACE_S seconds all that is left SIGKILL. On Linux it adopts what its
descendants leave behind (prctl(2), PR_SET_CHILD_SUBREAPER), so that nothing escapes by leaving the group.

It ends as the command did: with its exit code, or 128 and the signal's number.
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
KILL_ROUNDS, KILL_PAUSE_S = 200, 0.01


def main() -> int:
    """Run the command until it ends or the lifeline does."""
    lifeline, grace_s, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    adopt()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the group's
    child = start(command, lifeline)
    leave_pipes()
    code = watch(child, lifeline, wake)
    if code is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(0, signal.SIGTERM)
        code = last_words(child, wake, grace_s)
    end_all()
    return NOT_STARTED if code is None else code


def adopt() -> None:
    """Be the parent of all that descendants leave behind, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(command: list[str], lifeline: int) -> int:
    """The command's process id. It has this program's pipes, and its group, and not the lifeline."""
    child = os.fork()
    if child:
        return child
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.close(lifeline)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(NOT_STARTED)


def leave_pipes() -> None:
    """Let go of the command's pipes: they end when the command ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def watch(child: int, lifeline: int, wake: int) -> int | None:
    """The command's exit code once it has ended, or None once the lifeline has."""
    while True:
        ready, _, _ = select.select([lifeline, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            code = reap(child)
            if code is not None:
                return code
        if lifeline in ready:
            return None


def last_words(child: int, wake: int, grace_s: float) -> int | None:
    """Its exit code if it ends in time."""
    until = time.monotonic() + grace_s
    while (left := until - time.monotonic()) > 0:
        code = reap(child)
        if code is not None:
            return code
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 4096)
    return None


def reap(child: int) -> int | None:
    """Take leave of all that ended; the command's exit code if it is among them."""
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
    """Kill every descendant: those whose parents die become our children, until there is none."""
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
        os.killpg(0, signal.SIGKILL)  # where there is no /proc; this program goes with it


def children() -> list[int]:
    """The process ids of our children, by /proc; where there is none, nobody."""
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
