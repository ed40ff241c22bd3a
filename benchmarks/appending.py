"""Appending: a journal alone, in a process of its own: appends at a pace, or as fast as each is stored, and reads back.

Run as `python -m benchmarks.appending FOLDER DURABILITY [URL [several]]`; `URL`: of a database, `several`: which is shared. Each line of its standard input is a task, each line of
its standard output what was measured.
"""

import asyncio
import os
import sys
import time
from statistics import median

import msgspec
import uvloop

from agent.util.threads import start_in_own_thread
from server.journal.backend import open_backend
from server.journal.base import AppendItem, Journal, Lease, Record, SessionRow
from server.journal.nodes.settings import NodesSettings
from server.journal.schema import Durability
from server.journal.settings import JournalSettings

DATA = b'{"type":"assistant_chunk","at":"2026-11-30T00:00:00.000Z","message_id":"0123456789abcdef","offset":1234,"text":" word"}'
TOGETHER = 500
READ_BYTES = 1 << 20
READS = 10
LEASE_S = 10.0
NOW = "2026-11-30T00:00:00.000Z"


class Task(msgspec.Struct, frozen=True):
    """`sessions` that append `events` each, one every `every_ms`; 0: the next as soon as the last is stored. Such a one is not text, so
    it waits for no company. `read`: events that are stored together, and read back. `names`: of the sessions, which a task without events
    made before; none: new ones.
    """

    sessions: int
    events: int
    every_ms: float
    read: int = 0
    names: list[str] = []


class Measured(msgspec.Struct, frozen=True):
    """CPU µs of this process for an event; in ms: the time until one was stored (median), and that of reading `Task.read` events, for
    the first time and after it (median).
    """

    cpu_us: float
    append_ms: float
    first_read_ms: float
    read_ms: float


async def append(journal: Journal, lease: Lease, task: Task, took: list[float], began: float) -> None:
    """One session's events. `began`: when it began, by the monotonic clock."""
    for seq in range(1, task.events + 1):
        if task.every_ms:
            await asyncio.sleep(max(0.0, began + seq * task.every_ms / 1_000 - time.monotonic()))
        at = time.monotonic()
        changed = None if task.every_ms else _row(lease.session_id)
        await journal.append(AppendItem(lease, seq - 1, (Record(seq, seq, DATA),), row=changed))
        took.append((time.monotonic() - at) * 1_000)


async def measure(journal: Journal, task: Task) -> Measured:
    """Sessions of their own for this task."""
    if task.names and not task.events:
        for name in task.names:
            await journal.create(_row(name))
        return Measured(0, 0, 0, 0)
    leases = [Lease(name, 1) for name in task.names] or [
        await journal.create(_row(os.urandom(16).hex())) for _ in range(task.sessions)
    ]
    took: list[float] = []
    before = time.process_time()
    # Spread over the pause between two events, as models are: none waits for the others.
    now, apart_s = time.monotonic(), task.every_ms / 1_000 / task.sessions
    await asyncio.gather(*(append(journal, lease, task, took, now + at * apart_s) for at, lease in enumerate(leases)))
    cpu_s = time.process_time() - before
    first_ms, *again_ms = await reads_ms(journal, task.read)
    return Measured(cpu_s / (task.sessions * task.events) * 1e6, median(took), first_ms, median(again_ms))


async def reads_ms(journal: Journal, events: int) -> list[float]:
    """The times that it takes to read so many events of one session, which are stored before, one time after another."""
    lease = await journal.create(_row(os.urandom(16).hex()))
    for before in range(0, events, TOGETHER):
        records = tuple(Record(seq, seq, DATA) for seq in range(before + 1, min(before + TOGETHER, events) + 1))
        await journal.append(AppendItem(lease, before, records))
    took: list[float] = []
    for _ in range(READS):
        began, after = time.monotonic(), 0
        while after < events:
            after = (await journal.read(lease.session_id, after, max_records=events, max_bytes=READ_BYTES))[-1].seq
        took.append((time.monotonic() - began) * 1_000)
    return took


async def main(folder: str, durability: Durability, url: str = "", several: str = "") -> None:
    """Do the tasks of standard input, one after another."""
    nodes = NodesSettings(several=bool(several), lease_s=LEASE_S)
    journal = (await open_backend(JournalSettings(data=folder, durability=durability, url=url), nodes)).journal
    print("ready", flush=True)
    try:
        while line := await start_in_own_thread("stdin", sys.stdin.readline):
            print(
                msgspec.json.encode(await measure(journal, msgspec.json.decode(line, type=Task))).decode(), flush=True
            )
    finally:
        await journal.aclose()


def _row(session_id: str) -> SessionRow:
    return SessionRow(session_id, "ann", "", "demo", NOW, NOW, 0, "running", b"[]", unfinished=True, options=b"{}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], "power" if sys.argv[2] == "power" else "process", *sys.argv[3:]))
