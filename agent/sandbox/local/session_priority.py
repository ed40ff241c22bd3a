"""Session priority: gives a command's sessions a low priority where Linux shares the processor between sessions.

There (`kernel.sched_autogroup_enabled`, sched(7), "The autogroup feature") each session of processes is a group that gets as much
of the processor as any other, whatever the nice values in it; a group has a nice value of its own. A command has a session for
itself, and can begin more.
"""

import errno
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.2
"""The processes are walked at most so often: a command may begin a session after another."""

OWN: Final = "/proc/self/autogroup"


class SessionPriority:
    """The sessions of one sandbox. `leader`: process id of its first process; `nice`: the value that they get."""

    def __init__(self, leader: int, nice: int) -> None:
        self._leader = leader
        self._nice = nice
        self._lowered: frozenset[bytes] = frozenset()
        self._next = 0.0
        self._own = _group(OWN)[0]

    def look(self, sessions: Collection[bytes]) -> None:
        """Give it to those that are new. `sessions`: the ids of all that there are now, as the sandbox knows them.

        Linux lets a process without CAP_SYS_ADMIN set a value ten times a second in all; what it refuses waits for the next call.
        """
        now = time.monotonic()
        if not self._own or self._lowered.issuperset(sessions) or now < self._next:
            return
        self._next = now + LOOK_S
        if all(self._lower(process) for process in _processes_below(self._leader)):
            self._lowered = frozenset(sessions)
        else:
            self._next = now

    def _lower(self, process: int) -> bool:
        """Give it to the session of this process, unless it is the server's own. False: Linux sets none now."""
        path = f"/proc/{process}/autogroup"
        name, nice = _group(path)
        if name in ("", self._own) or nice == str(self._nice):
            return True
        try:
            Path(path).write_text(str(self._nice))
        except OSError as error:
            return error.errno != errno.EAGAIN  # else it has ended, or nobody may set it
        return True


def _group(path: str) -> tuple[str, str]:
    """The name and the nice value of a process's group: `/autogroup-93 nice 0`. Empty where there is none, or no process."""
    try:
        fields = Path(path).read_text("ascii").split()
    except OSError:
        return "", ""
    return (fields[0], fields[2]) if len(fields) == 3 else ("", "")


def _processes_below(process: int) -> Iterator[int]:
    """This process and its descendants (proc(5), /proc/pid/task/tid/children)."""
    waiting = [process]
    while waiting:
        one = waiting.pop()
        yield one
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text("ascii").split())
        except OSError:
            continue  # it has ended meanwhile
