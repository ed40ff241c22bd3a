"""Following: a node alone, in a process of its own, that follows sessions which another node appends to.

Run as `python -m benchmarks.following FOLDER URL`. Each line of its standard input is what it is to follow. It prints a line when it
does, and another with what that cost, when all was there.
"""

import asyncio
import sys
import time
from contextlib import AbstractAsyncContextManager

import msgspec
import uvloop

from agent.util.threads import start_in_own_thread
from benchmarks.appending import LEASE_S
from server.journal.backend import open_backend
from server.journal.nodes.settings import NodesSettings
from server.journal.settings import JournalSettings
from server.sessions.nodes.feed import Feed
from server.sessions.ports.port import Actor, Forwarder, SessionPort
from server.sessions.ports.states import SleepingStates
from server.sessions.ports.table import PortTable

TAKE_BYTES = 1 << 20


class Following(msgspec.Struct, frozen=True):
    """Sessions, and how many events each is to have."""

    names: list[str]
    events: int


class Followed(msgspec.Struct, frozen=True):
    """CPU µs of this process for an event."""

    cpu_us: float


class Nobody:
    """Wakes no session: none is run here."""

    draining = False
    shared: Forwarder | None = None

    def ready_actor(self, session_id: str) -> Actor | None:
        """There is none."""
        return None

    def activated(self, session_id: str, user_id: str | None = None) -> AbstractAsyncContextManager[Actor]:
        """Nobody submits here."""
        raise NotImplementedError


async def take(port: SessionPort, events: int) -> None:
    """Take so many events, as a socket that keeps up does: in the step that publishes them, without a task that wakes."""
    cursor = port.broadcaster.follow(0)
    done = asyncio.Event()

    def take_at_once() -> bool:
        taken = cursor.in_memory(TAKE_BYTES)
        if not taken:
            return False
        cursor.position = taken[-1].seq
        if cursor.position >= events:
            done.set()
        return True

    cursor.take_at_once = take_at_once
    await done.wait()
    cursor.detach()


async def follow(ports: PortTable, feed: Feed, task: Following) -> Followed:
    """Follow the sessions until all of their events are here."""
    opened = [ports.open(name, "ann", 0) for name in task.names]
    for port in opened:
        feed.opened(port.session_id)
    print("following", flush=True)
    before = time.process_time()
    await asyncio.gather(*(take(port, task.events) for port in opened))
    return Followed((time.process_time() - before) / (len(opened) * task.events) * 1e6)


async def main(folder: str, url: str) -> None:
    """Do what standard input says, one after another."""
    nodes = NodesSettings(several=True, lease_s=LEASE_S)
    backend = await open_backend(JournalSettings(data=folder, durability="power", url=url), nodes)
    journal = backend.journal
    assert backend.nodes is not None, "it is one of several"
    ports = PortTable(journal, SleepingStates(journal, str), Nobody())
    feed = Feed(backend.nodes, ports)
    feed.start(ports.deleted)
    print("ready", flush=True)
    try:
        while line := await start_in_own_thread("stdin", sys.stdin.readline):
            followed = await follow(ports, feed, msgspec.json.decode(line, type=Following))
            print(msgspec.json.encode(followed).decode(), flush=True)
    finally:
        await feed.aclose()
        await journal.aclose()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
