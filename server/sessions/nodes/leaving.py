"""Leaving: a server that is about to stop gives its sessions back, so that others on its database go on with them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from agent.session.messages import HandOver
from protocol.codes import CloseReason
from server.journal.base import JournalError
from server.journal.nodes.base import Nodes
from server.sessions.actor import SessionActor
from server.sessions.ports.table import PortTable

log = logging.getLogger("holdfast.awake")

LOOK_S = 0.05
"""Time between two looks for sessions whose turn has ended."""

ASK_S = 2.0
"""How long the database may take to say whether there are others."""


class Sessions(Protocol):
    """The awake sessions: `server.sessions.registry.SessionRegistry`."""

    leaving: bool
    ports: PortTable

    @property
    def count(self) -> int:
        """How many there are, or are being activated."""

    def all(self) -> Sequence[SessionActor]:
        """Their actors."""


async def hand_over(
    sessions: Sessions, nodes: Nodes | None, reason: CloseReason, wait_s: float, cut_short: Callable[[], bool]
) -> None:
    """Give back every session that rests, and each other one when its turn has ended; end every follower with `reason`.

    A session that waits for an approval rests. What is queued gets its turn elsewhere. Ends when all are given back, after `wait_s`, or
    when `cut_short` says so. Where no other server goes on, nothing is done.
    """
    if nodes is None or not await _others_stay(nodes):
        return
    log.info("leaving: %d sessions are given to other servers", sessions.count)
    sessions.leaving = True
    nodes.drain()
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    told: set[SessionActor] = set()
    while True:
        for port in sessions.ports.all():
            port.end(reason)  # those too that came meanwhile
        for actor in sessions.all():
            if actor.may_restart:
                actor.stop(reason)
            elif actor not in told:
                told.add(actor)
                actor.report(HandOver())
        if not sessions.count:
            return
        if loop.time() >= until or cut_short():
            log.warning("%d sessions are stopped: their turns did not end in time", sessions.count)
            return
        await asyncio.sleep(LOOK_S)


async def _others_stay(nodes: Nodes) -> bool:
    try:
        async with asyncio.timeout(ASK_S):
            return await nodes.others_stay()
    except (JournalError, TimeoutError) as error:
        log.warning("no other server goes on with the sessions, as the database does not answer: %s", error)
        return False
