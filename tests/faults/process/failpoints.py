"""Failpoints: count the operations of a server under test on its journal and on snapshots of files, and kill it at the one that a test names."""

import asyncio
import functools
import importlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from types import ModuleType
from typing import Any

from agent.workspace import restoring
from agent.workspace.objects import ObjectStore
from agent.workspace.snapshots import SnapshotStore
from server.journal.mark import MarkFile
from server.journal.sqlite import SqliteJournal
from server.journal.transactions import Transactions
from tests.faults.harness.order import Failpoint, When

POINTS: dict[str, tuple[type | ModuleType, str]] = {
    "create": (SqliteJournal, "create"),
    "acquire": (SqliteJournal, "acquire"),
    "append": (SqliteJournal, "append"),
    "merge": (SqliteJournal, "merge"),
    "put_snapshot": (SqliteJournal, "put_snapshot"),
    "delete": (SqliteJournal, "delete"),
    # In the writer's thread: before the transaction is durable, and after, when nobody has heard of it yet.
    "commit": (Transactions, "commit"),
    # Between the commit and the mark that tells the next start of it.
    "mark": (MarkFile, "appended"),
    "mark_change": (MarkFile, "changed"),
    # Snapshots of a session's files: each content that is saved, the list of what is in it, each name that is restored.
    "save_content": (ObjectStore, "add"),
    "save_manifest": (SnapshotStore, "_write"),
    "restore_remove": (restoring, "_remove"),
    "restore_put": (restoring, "_put"),
}
ON_POSTGRES = {
    "store": "server.journal.postgres.journal:PostgresJournal.append",
    "take": "server.journal.postgres.transactions:Transactions.acquire",
    "give_back": "server.journal.postgres.transactions:Transactions.release",
    # It counts when there is a node to be declared dead, and otherwise not.
    "declare": "server.journal.postgres.membership:declare",
}
"""The same of a journal on PostgreSQL, which is imported only where one of these is named."""
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def install(failpoints: Sequence[Failpoint], calls: Path) -> None:
    """Count every operation of `POINTS` in the file `calls`, and act at the failpoints."""
    named = {point.call for point in failpoints}
    points = POINTS | {name: _found(path) for name, path in ON_POSTGRES.items() if name in named}
    unknown = named - points.keys()
    if unknown:
        raise ValueError(f"no such failpoint: {', '.join(sorted(unknown))}")
    log = os.open(calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    counts: Counter[str] = Counter()
    for name, (owner, method) in points.items():
        mine = {(point.when, point.at): SIGNALS[point.act] for point in failpoints if point.call == name}
        point = _Point(name, counts, log, mine)
        setattr(owner, method, _watched(getattr(owner, method), point))
        if method == "append":  # the same without a future
            told: Any = owner
            told.append_then = _watched_then(told.append_then, point)


def _found(path: str) -> tuple[type | ModuleType, str]:
    """What has the operation, and its name there."""
    module, _, name = path.partition(":")
    holder: Any = importlib.import_module(module)
    *within, method = name.split(".")
    for part in within:
        holder = getattr(holder, part)
    return holder, method


class _Point:
    """An operation: counts its calls in `log`, and acts at those that are named."""

    def __init__(
        self, name: str, counts: Counter[str], log: int, deadly: Mapping[tuple[When, int], signal.Signals]
    ) -> None:
        self.name = name
        self._counts = counts
        self._log = log
        self._deadly = deadly

    def begin(self) -> int:
        """A call begins. Gives its number."""
        self._counts[self.name] += 1
        number = self._counts[self.name]
        os.write(self._log, self.name.encode() + b"\n")
        self.act(number, "before")
        return number

    def act(self, number: int, when: When) -> None:
        """This call is about to begin or has ended."""
        sent = self._deadly.get((when, number))
        if sent is not None:
            os.kill(os.getpid(), sent)


def _watched_then(original: Callable[..., None], point: _Point) -> Callable[..., None]:
    @functools.wraps(original)
    def telling(journal: Any, item: Any, then: Callable[[Exception | None], None]) -> None:
        number = point.begin()

        def told(error: Exception | None) -> None:
            point.act(number, "after")  # before the caller learns of it
            then(error)

        original(journal, item, told)

    return telling


def _watched(original: Callable[..., Any], point: _Point) -> Callable[..., Any]:
    if iscoroutinefunction(original):

        @functools.wraps(original)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            number = point.begin()
            result = await original(*args, **kwargs)
            point.act(number, "after")
            return result

        return waiting

    if point.name == "declare":

        @functools.wraps(original)
        def finding(connection: Any) -> Any:
            late = "SELECT FROM nodes WHERE NOT dead AND good_until < clock_timestamp()"
            if connection.execute(late).fetchone() is None:
                return original(connection)
            number = point.begin()
            found = original(connection)
            point.act(number, "after")
            return found

        return finding

    @functools.wraps(original)
    def blocking(*args: Any, **kwargs: Any) -> Any:
        number = point.begin()
        result = original(*args, **kwargs)
        if isinstance(result, asyncio.Future):
            result.add_done_callback(lambda _: point.act(number, "after"))  # before the caller learns of it
        else:
            point.act(number, "after")
        return result

    return blocking
