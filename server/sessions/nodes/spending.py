"""Spending: reads again what the users of this server's sessions spend at other servers, so that their budgets hold over all."""

import asyncio
import logging

from agent.util.tasks import TaskOwner
from server.journal.base import JournalError
from server.journal.nodes.base import Nodes
from server.sessions.ports.table import PortTable
from server.sessions.quotas import Quotas

log = logging.getLogger("holdfast.quotas")

LOOK_S = 2.0
"""Time between two looks. A user may pass a budget by what their other servers spend within it, and by calls that run."""


class Spending:
    """The task, where there are budgets."""

    def __init__(self, nodes: Nodes, ports: PortTable, quotas: Quotas) -> None:
        self._nodes = nodes
        self._ports = ports
        self._quotas = quotas
        self._tasks = TaskOwner("spending")

    def start(self) -> None:
        """Start the task."""
        if self._quotas.limits.tokens_per_day or self._quotas.limits.cost_usd_per_day:
            self._tasks.start(self._run(), "look")

    async def aclose(self) -> None:
        """Stop."""
        await self._tasks.aclose()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            users = {port.user_id for port in self._ports.all() if port.actor is not None}
            try:
                await self._quotas.refresh_spent(users, self._nodes.spent)
            except JournalError as error:
                log.info("what users spend elsewhere is read again: %s", error)
