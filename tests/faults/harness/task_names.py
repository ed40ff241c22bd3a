"""Task names: a server under test writes the names of its tasks and threads to a file when it gets SIGUSR1."""

import asyncio
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import msgspec

from tests.faults.harness.order import Hook
from tests.faults.process.process import ServerProcess
from tests.support.polling import eventually

OF_A_LIBRARY = re.compile(r"^Task-\d+$")
"""The name of a task that nobody named: the name of what it runs says more."""
OF_A_POOL = re.compile(r"_\d+$")
OF_A_WORKER = Counter(["LoggingWorker._worker_loop"])
"""LiteLLM begins one such task in a process, with the first call that it logs, and keeps it."""


def hook(path: Path) -> Hook:
    """For `ServerProcess(hooks=...)`."""
    return Hook("tests.faults.harness.task_names:install", {"path": str(path)})


def install(path: str) -> None:
    """In the server: answer SIGUSR1."""

    def write_names(signal_number: int, frame: FrameType | None) -> None:
        tasks = names_of(asyncio.all_tasks())
        # A pool begins a thread when all it has are busy, up to a bound, and keeps it. Two of one name are of two pools.
        names = Counter(thread.name for thread in threading.enumerate())
        threads = (names - Counter(filter(OF_A_POOL.search, names))).elements()
        part = Path(f"{path}.part")
        part.write_bytes(msgspec.json.encode([*tasks, *sorted(threads)]))
        part.replace(path)

    signal.signal(signal.SIGUSR1, write_names)


def names_of(tasks: Iterable[asyncio.Task[object]]) -> list[str]:
    """Their names in order, without one task of a library's worker: a second one is named."""
    names = Counter(OF_A_LIBRARY.sub(task.get_coro().__qualname__, task.get_name()) for task in tasks)  # type: ignore[union-attr]  # what a task runs has a name
    return sorted((names - OF_A_WORKER).elements())


async def running_in(server: ServerProcess, path: Path) -> list[str]:
    """The names of the server's tasks and threads now."""
    path.unlink(missing_ok=True)
    os.kill(server.pid, signal.SIGUSR1)
    await eventually(path.exists, "the names of tasks")
    return msgspec.json.decode(path.read_bytes(), type=list[str])
