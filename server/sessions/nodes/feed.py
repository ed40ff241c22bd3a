"""Feed: brings the followers on this node what other nodes store."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from agent.util.tasks import TaskOwner
from server.journal.base import JournalError, Record
from server.journal.nodes import words
from server.journal.nodes.base import Nodes
from server.sessions.ports.port import SessionPort
from server.sessions.ports.table import PortTable
from server.sessions.replay import merged

log = logging.getLogger("holdfast.feed")

LOOK_S = 1.0
"""Time between two looks at all sessions that are followed here. It bounds what a lost word costs."""

AT_ONCE = 32
"""Sessions that are read in one statement."""


def deliverable(head: int, after: int, records: Sequence[Record]) -> Sequence[Record]:
    """What of these records, read after the position `after`, a port that stands at `head` can deliver: all, from there on, or none.

    One that was merged across the position is cut there.
    """
    if head != after or not records:
        return ()
    return records if records[0].first_seq == after + 1 else merged(records, after)


class Feed:
    """Reads for all ports without an actor at once: what others tell of at once, and everything each `LOOK_S`."""

    def __init__(self, nodes: Nodes, ports: PortTable) -> None:
        self._nodes = nodes
        self._ports = ports
        self._deleted: Callable[[str], None] = ports.deleted
        self._behind: dict[str, tuple[int, float]] = {}
        """How far sessions are stored that are followed here, where that is further than their ports are; and since when that is
        known, by the loop's clock."""
        self._unsure: set[str] = set()
        """Sessions whose heads are to be asked for."""
        self._rested: dict[str, int] = {}
        """The heads at the last look."""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = TaskOwner("feed")

    def start(self, deleted: Callable[[str], None]) -> None:
        """Start the task. `deleted`: called with a session that another node deleted."""
        self._deleted = deleted
        self._timer = self._loop.call_later(LOOK_S, self._look)
        self._nodes.listen(self._told, self._missed)
        self._tasks.start(self._run(), "read")

    async def aclose(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.aclose()

    def opened(self, session_id: str) -> None:
        """A port was opened: what was stored while it was is not told of again."""
        self._nodes.want([session_id], also=True)
        self._unsure.add(session_id)
        self._wake.set()

    def _told(self, heads: Mapping[str, int]) -> None:
        now = self._loop.time()
        for session_id, head in heads.items():
            if head == words.DELETED:
                self._deleted(session_id)
            elif (port := self._remote(session_id)) is not None and head > port.head:
                self._is_behind(session_id, head, now)
        if self._behind:
            self._wake.set()

    def _is_behind(self, session_id: str, head: int, now: float) -> None:
        known = self._behind.get(session_id)
        self._behind[session_id] = (head, now if known is None else known[1])

    def _missed(self) -> None:
        self._unsure.update(self._all())
        self._wake.set()

    def _remote(self, session_id: str) -> SessionPort | None:
        """The session's port, if the session has no actor here."""
        port = self._ports.get(session_id)
        return port if port is not None and port.actor is None else None

    def _all(self) -> list[str]:
        return [port.session_id for port in self._ports.all() if port.actor is None and port.over is None]

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._ask()
                while self._behind:
                    await self._bring()
            except JournalError as error:
                log.warning("followers wait for what other servers store: %s", error)
                self._behind.clear()
                await asyncio.sleep(LOOK_S / 4)

    def _look(self) -> None:
        """Ask for all heads, and to be told of them; let ports rest to which nothing came since the last look."""
        now: dict[str, int] = {}
        for session_id in self._all():
            port = self._remote(session_id)
            if port is not None:
                now[session_id] = port.head
                if self._rested.get(session_id) == port.head:
                    port.broadcaster.rest()
        self._nodes.want(list(now))
        self._rested = now
        self._unsure.update(now)
        self._wake.set()
        self._timer = self._loop.call_later(LOOK_S, self._look)

    async def _ask(self) -> None:
        """Learn how far the sessions are stored of which that is not sure."""
        unsure, self._unsure = list(self._unsure), set()
        if not unsure:
            return
        heads = await self._nodes.heads(unsure)
        for session_id in unsure:
            port = self._remote(session_id)
            if session_id not in heads:
                self._deleted(session_id)
            elif port is not None and heads[session_id] > port.head:
                self._is_behind(session_id, heads[session_id], self._loop.time())
                if session_id in self._rested and self._nodes.tells:
                    self._nodes.counts.notify_missed += 1

    async def _bring(self) -> None:
        """Read the next of some sessions that are behind, and deliver it. What is left of them then comes after the others."""
        wanted: list[tuple[str, int]] = []
        for session_id, (head, _) in list(self._behind.items()):
            port = self._remote(session_id)
            if port is None or port.head >= head:
                del self._behind[session_id]
            elif len(wanted) < AT_ONCE:
                wanted.append((session_id, port.head))
        if not wanted:
            return
        read = await self._nodes.read_after(wanted)
        now = self._loop.time()
        for session_id, after in wanted:
            head, since = self._behind.pop(session_id)
            port = self._remote(session_id)
            records = () if port is None else deliverable(port.head, after, read.get(session_id, ()))
            if port is not None and records:
                port.broadcaster.publish(tuple(records))
                self._nodes.counts.feed_lag(now - since)
            elif port is None or port.head == after:
                continue  # there is no more of it now, or another brings it
            if port.head < head:
                self._behind[session_id] = (head, now)
