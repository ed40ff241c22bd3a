"""Followed sessions: tells the other servers which sessions have sockets here, so that none deletes them for want of use."""

import asyncio
import logging
from typing import Final

from agent.util.tasks import TaskOwner
from server.journal.base import JournalError
from server.journal.nodes.base import Nodes
from server.sessions.ports.table import PortTable

log = logging.getLogger("holdfast.retention")

TOLD_EACH_S: Final = 300.0
"""Time between two times that all are told of. Who has not heard of a session's sockets for longer knows that it has none."""

AGAIN_S: Final = 5.0
"""Pause after the database failed, or could not take all."""

AT_ONCE: Final = 1_000
"""Sessions that are told of in one statement."""


class FollowedSessions:
    """Tells of each session when it gets a socket, and of all that have some each `TOLD_EACH_S`."""

    def __init__(self, nodes: Nodes, ports: PortTable) -> None:
        self._nodes = nodes
        self._ports = ports
        self._new: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks = TaskOwner("followed")

    def start(self) -> None:
        """Start the task."""
        self._tasks.start(self._run(), "tell")

    async def aclose(self) -> None:
        """Stop."""
        await self._tasks.aclose()

    def attached(self, session_id: str) -> None:
        """The session has a socket here."""
        self._new.add(session_id)
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        all_at = loop.time() + TOLD_EACH_S
        while True:
            try:
                async with asyncio.timeout_at(all_at):
                    await self._wake.wait()
            except TimeoutError:
                self._new |= self._ports.with_sockets()
                all_at = loop.time() + TOLD_EACH_S
            self._wake.clear()
            try:
                await self._tell()
            except JournalError as error:
                log.info("other servers are told later which sessions have sockets here: %s", error)
            if self._new:
                await asyncio.sleep(AGAIN_S)
                self._wake.set()

    async def _tell(self) -> None:
        """Tell of each once. What stays is told of later. Raises `JournalError`."""
        waiting = list(self._new)
        for at in range(0, len(waiting), AT_ONCE):
            told = waiting[at : at + AT_ONCE]
            left = await self._nodes.follow(told)
            self._new.difference_update(set(told).difference(left))
